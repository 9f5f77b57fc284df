"""A repository over SFTP, by one variable."""

import json

import pytest

testinfra_hosts = ["ansible://store1"]

PROGRAM = "/usr/local/libexec/model-backup"
RESTIC = "set -a; . /etc/model-backup/environment; restic"
UNIT = "model-backup@store_configuration"
LOST = "/etc/restic-rest-server/users.htpasswd"


@pytest.fixture(autouse=True)
def as_root(host):
    with host.sudo():
        yield


def run(host, command):
    done = host.run(command)
    assert done.rc == 0, done.stderr
    return done.stdout


def status(host):
    return json.loads(host.file("/var/lib/model-backup/status/store_configuration.json").content_string)


def test_its_timers_service_makes_a_backup_there(host):
    """In the service's sandbox, where ssh needs its key and the hosts that it knows."""
    before = status(host)["snapshot"]
    run(host, f"systemctl start {UNIT}.service")
    now = status(host)
    assert (now["last_error"], now["rpo_s"]) == (None, 86400)
    assert now["snapshot"] != before
    snapshot = json.loads(run(host, f"{RESTIC} cat snapshot {now['snapshot']} --no-lock --json"))
    assert set(snapshot["tags"]) == {"model-backup", "kind=store_configuration"}
    assert host.service(f"{UNIT}.timer").is_running


def test_what_is_lost_comes_back_from_there(host):
    before = run(host, f"sha256sum {LOST}; stat -c '%a %U %G' {LOST}")
    run(host, f"rm {LOST}")
    assert json.loads(run(host, f"{PROGRAM} restore store_configuration"))["restored"] == [LOST]
    assert run(host, f"sha256sum {LOST}; stat -c '%a %U %G' {LOST}") == before


def test_all_of_it_can_be_read_again(host):
    run(host, f"{PROGRAM} verify --all")
    assert status(host)["verify_error"] is None


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
    before = status(host)["snapshot"]
    run(host, trouble.format(store=store))
    try:
        done = host.run(f"systemctl start {UNIT}.service")
    finally:
        run(host, mended.format(store=store))
    assert done.rc != 0
    now = status(host)
    assert now["snapshot"] == before
    assert "the repository cannot be reached over SFTP" in now["last_error"]
    assert said in now["last_error"]
    run(host, f"systemctl start {UNIT}.service")
    assert status(host)["last_error"] is None
