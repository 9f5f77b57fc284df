"""After rot on the store, every file there is what its name says, and the store can open each repository again."""

import pytest

STORE = "/srv/backup"
KEYS = "/etc/backup-repository/keys"
WRONG = (
    f"find {STORE}/*/config -printf '%h\\n' | while read -r one; do "
    "find $one/data $one/index $one/keys $one/snapshots -type f -name '????????????????????????????????"
    "????????????????????????????????' -print0 | xargs -0 -r sha256sum; done | "
    "awk '{ name = $2; sub(/.*\\//, \"\", name); if ($1 != name) print $2 }'"
)


@pytest.fixture
def users(host):
    with host.sudo():
        names = host.run(f"ls {KEYS}").stdout.split()
    assert names, "the store has a key to no repository"
    return names


def test_every_file_is_what_its_name_says(host):
    with host.sudo():
        found = host.run(WRONG)
    assert (found.rc, found.stdout) == (0, "")


def test_every_repository_is_whole(host, users):
    with host.sudo():
        for user in users:
            checked = host.run(
                f"runuser -u restic-rest-server -- restic --no-cache --repo {STORE}/{user} check < {KEYS}/{user}"
            )
            assert checked.rc == 0, f"{user}: {checked.stderr.strip()[-500:]}"
