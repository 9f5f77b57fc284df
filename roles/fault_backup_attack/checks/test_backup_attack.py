"""After an attack with the host's own credentials: nothing is lost, everything can be read, and the stores saw it."""

import json
from collections import Counter

import pytest
from testinfra.utils.ansible_runner import AnsibleRunner

CREDENTIALS = "/etc/model-backup/environment"
RECORDS = "/var/lib/drill-lease/*/state/{}.json"
WATCH = "/var/lib/backup-repository/watch.json"
COPY = "MODEL_BACKUP_COPY_"


def read(host, name):
    with host.sudo():
        found = host.run("cat " + RECORDS.format(name))
    assert found.rc == 0, f"no record of an attack is on the host: {found.stderr}"
    return json.loads(found.stdout)


def restic(host, url, arguments):
    """Run restic with the host's environment for the repository at `url`; passwords stay on no command line."""
    script = (
        f"set -a; . {CREDENTIALS}; "
        f'if [ "$RESTIC_REPOSITORY" != "rest:{url}" ]; then '
        f"for name in $(env | sed -n 's/^{COPY}\\(RESTIC_[A-Z_]*\\)=.*/\\1/p'); do "
        f'eval "export $name=\\"\\${COPY}$name\\""; done; fi; '
        f"restic --no-cache {arguments}"
    )
    with host.sudo():
        return host.run("bash -c %s", script)


def test_nothing_was_allowed(host):
    assert read(host, "attack")["succeeded"] == []


def test_every_snapshot_is_still_there(host):
    for url, before in read(host, "before").items():
        listed = restic(host, url, "snapshots --no-lock --json")
        assert listed.rc == 0, listed.stderr
        assert set(before) <= {item["id"] for item in json.loads(listed.stdout)}, url


def test_every_byte_can_be_read(host):
    for url in read(host, "before"):
        checked = restic(host, url, "check --read-data")
        assert checked.rc == 0, f"{url}: {checked.stdout[-500:]}{checked.stderr[-500:]}"


@pytest.fixture
def seen(host, pytestconfig):
    """What each store says that it refused to this host, by method, by the address that the store is reached at."""
    inventory = pytestconfig.getoption("ansible_inventory")
    runner = AnsibleRunner.get_runner(inventory)
    mine = runner.get_variables(host.backend.host)["ansible_host"]
    refused = {}
    for name in runner.get_hosts("backup_stores"):
        store = host.get_host(f"ansible://{name}", ansible_inventory=inventory)
        with store.sudo():
            asked = store.run(f"systemctl start backup-repository-watch.service && cat {WATCH}")
        assert asked.rc == 0, asked.stderr
        found = Counter()
        for kind in json.loads(asked.stdout)["refused"]:
            if kind["address"] == mine:
                found[kind["method"]] += kind["count"]
        refused[runner.get_variables(name)["ansible_host"]] = found
    return refused


def test_the_stores_have_seen_it(host, seen):
    for tried in read(host, "attack")["answers"]:
        address = tried["url"].split("://")[1].split(":")[0]
        assert seen[address][tried["method"]] >= tried["count"], f"{address} did not see all of {tried}"
