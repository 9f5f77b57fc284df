"""A repository over SFTP, by one variable."""

import json

import pytest
from asking import PROGRAM, RESTIC, run, status

testinfra_hosts = ["ansible://store1"]
pytestmark = pytest.mark.usefixtures("as_root")

KIND = "store_configuration"
UNIT = f"model-backup@{KIND}"
TRIES = 3
"""restic may end before it has passed on what ssh said."""
LOST = "/etc/restic-rest-server/users.htpasswd"


def test_its_timers_service_makes_a_backup_there(host):
    """In the service's sandbox, where ssh needs its key and the hosts that it knows."""
    before = status(host, KIND)["snapshot"]
    run(host, f"systemctl start {UNIT}.service")
    now = status(host, KIND)
    assert (now["last_error"], now["rpo_s"]) == (None, 86400)
    assert now["snapshot"] != before
    snapshot = json.loads(run(host, f"{RESTIC} cat snapshot {now['snapshot']} --no-lock --json"))
    assert set(snapshot["tags"]) == {"model-backup", f"kind={KIND}"}
    assert host.service(f"{UNIT}.timer").is_running


def test_what_is_lost_comes_back_from_there(host):
    before = run(host, f"sha256sum {LOST}; stat -c '%a %U %G' {LOST}")
    run(host, f"rm {LOST}")
    assert json.loads(run(host, f"{PROGRAM} restore {KIND}"))["restored"] == [LOST]
    assert run(host, f"sha256sum {LOST}; stat -c '%a %U %G' {LOST}") == before


def test_all_of_it_can_be_read_again(host):
    run(host, f"{PROGRAM} verify --all")
    assert status(host, KIND)["verify_error"] is None


@pytest.mark.parametrize(
    ("trouble", "mended", "said"),
    [
        ("ip route add unreachable {store}", "ip route del unreachable {store}", "No route to host"),
        (
            "mv /root/.ssh/known_hosts /root/.ssh/kept",
            "mv /root/.ssh/kept /root/.ssh/known_hosts",
            "verification failed",
        ),
        ("mv /root/.ssh/id_ed25519 /root/.ssh/kept", "mv /root/.ssh/kept /root/.ssh/id_ed25519", "Permission denied"),
    ],
)
def test_a_store_that_cannot_be_reached_is_said_in_the_words_of_ssh(host, trouble, mended, said):
    store = run(host, ". /etc/model-backup/environment; echo $RESTIC_REPOSITORY").split("@")[1].partition(":")[0]
    before = status(host, KIND)["snapshot"]
    run(host, trouble.format(store=store))
    try:
        for _ in range(TRIES):
            done = host.run(f"systemctl reset-failed {UNIT}.service; systemctl start {UNIT}.service")  # however often
            now = status(host, KIND)
            if said in now["last_error"]:
                break
    finally:
        run(host, mended.format(store=store))
    assert done.rc != 0
    assert now["snapshot"] == before
    assert "the repository cannot be reached over SFTP" in now["last_error"]
    assert said in now["last_error"]
    run(host, f"systemctl reset-failed {UNIT}.service; systemctl start {UNIT}.service")
    assert status(host, KIND)["last_error"] is None
