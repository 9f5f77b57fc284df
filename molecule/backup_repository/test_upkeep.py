"""The store prunes by itself, by a key of its own, but not where somebody tampered with time; it sees who tries."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

testinfra_hosts = ["ansible://store1"]

REPOSITORY = "/srv/backup/gpu1"
KEY = "/etc/backup-repository/keys/gpu1"
STATE = "/var/lib/backup-repository"
METRICS = "/var/lib/prometheus/node-exporter/backup_repository.prom"


@pytest.fixture(autouse=True)
def _as_root(host) -> Iterator[None]:
    with host.sudo():
        yield


@pytest.fixture
def restic(host):
    """Run restic on the store's disk with the store's key; return what it printed, object by object."""

    def run(arguments) -> list[Any]:
        done = host.run(
            f"runuser --user=restic-rest-server -- restic --no-cache --json --repo={REPOSITORY} {arguments} < {KEY}"
        )
        assert done.rc == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines() if line.startswith(("{", "[{", "[]"))]

    return run


@pytest.fixture
def snapshot(restic):
    """Make a snapshot that claims to be so old."""

    def make(age) -> str:
        when = (datetime.now(UTC) - age).strftime("%Y-%m-%d %H:%M:%S")
        made = restic(f"backup --host gpu1 --tag molecule --time '{when}' /etc/hostname")
        return made[-1]["snapshot_id"]

    return make


@pytest.fixture
def kept(restic):
    return lambda: {item["id"] for item in restic("snapshots --no-lock")[0]}


def prune(host):
    done = host.run("systemctl start backup-repository-prune.service")
    return done.rc, json.loads(host.file(f"{STATE}/prune.json").content_string)["gpu1"]


def test_the_stores_key_is_not_the_hosts(host, restic):
    keys = restic("key list")[0]
    (current,) = (key for key in keys if key["current"])
    assert current["userName"] == "prune"
    assert len(keys) == 2
    # Whoever added it took down which one it is, without opening the repository to see.
    assert json.loads(host.file(f"{STATE}/opened.json").content_string)["gpu1"]["file"].startswith(current["id"])


def test_nobody_but_root_reads_the_key(host):
    assert (host.file(KEY).user, oct(host.file(KEY).mode)) == ("root", "0o600")
    assert host.run(f"runuser --user=restic-rest-server -- cat {KEY}").rc == 1


def test_old_snapshots_go_and_young_ones_stay(host, snapshot, kept):
    months_ago = timedelta(days=400)
    earlier, later = snapshot(months_ago + timedelta(minutes=2)), snapshot(months_ago)
    gone, young, now = snapshot(timedelta(days=4000)), snapshot(timedelta(days=13)), snapshot(timedelta(0))
    code, status = prune(host)
    assert (code, status["last_error"]) == (0, None)
    assert {later, young, now} <= kept(), "the last of its month, and all of the last two weeks"
    assert not {earlier, gone} & kept()
    assert (status["removed"], status["snapshots"]) == (2, len(kept()))
    assert host.run(f"find {REPOSITORY} ! -user restic-rest-server").stdout == ""


def test_nothing_is_removed_where_a_snapshot_is_of_the_future(host, snapshot, kept, restic):
    old, forged = snapshot(timedelta(days=4000)), snapshot(timedelta(days=-4000))
    before = kept()
    code, status = prune(host)
    assert code != 0
    assert status["last_error"].startswith(f"not pruned: snapshot {forged[:8]} of host gpu1 says that it is of ")
    assert kept() == before

    restic(f"forget {forged}")
    code, status = prune(host)
    assert (code, status["last_error"]) == (0, None)
    assert old not in kept()


def test_a_little_ahead_is_a_clock_that_is_a_little_off(host, snapshot, kept):
    soon = snapshot(timedelta(minutes=-5))
    assert prune(host)[0] == 0
    assert soon in kept()


def test_refused_requests_are_counted_told_and_measured(host):
    watched = "systemctl start backup-repository-watch.service"
    assert host.run(watched).rc == 0

    def refused() -> int:
        found = json.loads(host.file(f"{STATE}/watch.json").content_string)["refused"]
        return sum(
            kind["count"]
            for kind in found
            if (kind["repository"], kind["method"], kind["status"]) == ("gpu2", "DELETE", 401)
        )

    before = refused()
    for _ in range(3):
        assert host.run("curl -sk -X DELETE https://127.0.0.1:8000/gpu2/config").rc == 0
    assert host.run(watched).rc == 0
    assert refused() == before + 3
    told = host.run("journalctl --unit=backup-repository-watch.service --output=cat --priority=warning").stdout
    assert "refused in the repository of gpu2, asked from 127.0.0.1: 3 DELETE (401)" in told.splitlines()
    metrics = host.file(METRICS).content_string.splitlines()
    name = 'backup_repository_refused_requests_total{repository="gpu2",method="DELETE",status="401"}'
    assert f"{name} {before + 3}" in metrics
    assert "backup_repository_size_limit_bytes 1073741824" in metrics


@pytest.mark.parametrize("timer", ["backup-repository-prune.timer", "backup-repository-watch.timer"])
def test_it_happens_by_itself(host, timer):
    assert host.service(timer).is_enabled
    assert host.service(timer).is_running
