"""Every inference host has a backup that is fresh and verified: what a destructive fault may rely on.

Verified: its weights matched the manifest when they were archived, the host still wants these very weights, nothing
went wrong since, and the repository has it.
"""

import json
from datetime import datetime
from typing import TypedDict

from testinfra.host import Host

testinfra_hosts = ["ansible://llm_servers"]

STATUS = "/var/lib/model-backup/status.json"
MANIFEST = "/etc/llm-server/manifest.sha256"
ENVIRONMENT = "/etc/model-backup/environment"
CLOCK_S = 2
"""How far in the future a backup may lie: the clock's whole seconds, and no more."""


class Status(TypedDict):
    """What the role `model_backup` says of the last good backup."""

    last_success_utc: str
    snapshot: str
    files: int
    bytes: int
    rpo_s: int
    last_error: str | None
    manifest_sha256: str


def test_backup_is_young_enough(host: Host) -> None:
    # One clock: the host that wrote the time says what time it is.
    now, status = _status(host)
    age_s = (now - datetime.fromisoformat(status["last_success_utc"])).total_seconds()
    assert -CLOCK_S <= age_s <= status["rpo_s"], f"{age_s:.0f} s old, promised {status['rpo_s']} s"
    assert status["files"] > 0, "the last good backup holds no files"
    assert status["bytes"] > 0, "the last good backup holds no bytes"


def test_backup_is_of_the_weights_that_are_wanted(host: Host) -> None:
    _, status = _status(host)
    wanted = host.run("sha256sum %s", MANIFEST)
    assert wanted.rc == 0, wanted.stderr
    assert status["manifest_sha256"] == wanted.stdout.split()[0], "the weights were changed since the last good backup"


def test_nothing_went_wrong_since(host: Host) -> None:
    _, status = _status(host)
    assert status["last_error"] is None, f"the last backup failed: {status['last_error']}"


def test_repository_has_it(host: Host) -> None:
    _, status = _status(host)
    assert status["snapshot"], "the last good backup has no snapshot"
    # As the backup itself does it: systemd reads the passwords, and no command line shows them.
    asked = host.run(
        "systemd-run --quiet --wait --pipe --collect --property=EnvironmentFile=%s "
        "restic --no-cache --no-lock cat snapshot %s",
        ENVIRONMENT,
        status["snapshot"],
    )
    assert asked.rc == 0, f"{status['snapshot'][:8]}: {asked.stderr.strip()}"


def _status(host: Host) -> tuple[datetime, Status]:
    """The host's time, and what it knows of its last good backup."""
    read = host.run("date -u +%%FT%%TZ && cat %s", STATUS)
    assert read.rc == 0, f"{STATUS}: {read.stderr.strip()}"
    now, text = read.stdout.split("\n", 1)
    status: Status = json.loads(text)
    assert status["last_success_utc"], "there is no good backup yet"
    return datetime.fromisoformat(now), status
