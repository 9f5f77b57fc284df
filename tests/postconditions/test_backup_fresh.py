"""Every inference host has a fresh and verified backup of all that it protects: what a destructive fault may rely on.

Verified: its weights matched the manifest when they were archived, the host still wants these very weights, nothing
went wrong since, and the repository has it.
"""

import json
from datetime import datetime
from typing import TypedDict

from testinfra.host import Host

testinfra_hosts = ["ansible://llm_servers"]

STATUS = "/usr/local/libexec/model-backup status"
WEIGHTS = "weights"
MANIFEST = "/etc/llm-server/manifest.sha256"
ENVIRONMENT = "/etc/model-backup/environment"
CLOCK_S = 2
"""How far in the future a backup may lie: the clock's whole seconds, and no more."""


class Status(TypedDict):
    """What the role `model_backup` says of the last good backup of one kind of data."""

    kind: str
    last_success_utc: str
    snapshot: str
    files: int
    bytes: int
    rpo_s: int
    last_error: str | None
    verify_error: str | None
    manifest_sha256: str | None


def test_backups_are_young_enough(host: Host) -> None:
    # One clock: the host that wrote the time says what time it is.
    now, statuses = _statuses(host)
    for status in statuses:
        kind, age_s = status["kind"], (now - datetime.fromisoformat(status["last_success_utc"])).total_seconds()
        assert -CLOCK_S <= age_s <= status["rpo_s"], f"{kind}: {age_s:.0f} s old, promised {status['rpo_s']} s"
        assert status["files"] > 0, f"{kind}: the last good backup holds no files"
        assert status["bytes"] > 0, f"{kind}: the last good backup holds no bytes"


def test_backup_is_of_the_weights_that_are_wanted(host: Host) -> None:
    _, statuses = _statuses(host)
    saved = [status for status in statuses if status["kind"] == WEIGHTS]
    assert saved, "weights are not protected here: model_backup_kinds does not name them"
    wanted = host.run("sha256sum %s", MANIFEST)
    assert wanted.rc == 0, wanted.stderr
    assert saved[0]["manifest_sha256"] == wanted.stdout.split()[0], (
        "the weights were changed since the last good backup"
    )


def test_nothing_went_wrong_since(host: Host) -> None:
    _, statuses = _statuses(host)
    for status in statuses:
        assert status["last_error"] is None, f"{status['kind']}: the last backup failed: {status['last_error']}"
        assert status["verify_error"] is None, f"{status['kind']}: not verified: {status['verify_error']}"


def test_repository_has_them(host: Host) -> None:
    _, statuses = _statuses(host)
    for status in statuses:
        assert status["snapshot"], f"{status['kind']}: the last good backup has no snapshot"
        # systemd reads the passwords, and no command line shows them.
        asked = host.run(
            "systemd-run --quiet --wait --pipe --collect --property=EnvironmentFile=%s "
            "restic --no-cache --no-lock cat snapshot %s",
            ENVIRONMENT,
            status["snapshot"],
        )
        assert asked.rc == 0, f"{status['kind']}: {status['snapshot'][:8]}: {asked.stderr.strip()}"


def _statuses(host: Host) -> tuple[datetime, list[Status]]:
    """The host's time, and what it knows of its last good backup of each kind."""
    read = host.run(f"date -u +%FT%TZ && {STATUS}")
    assert read.rc == 0, f"{STATUS}: {read.stderr.strip()}"
    now, text = read.stdout.split("\n", 1)
    statuses: list[Status] = list(json.loads(text).values())
    assert statuses, "this host protects nothing"
    for status in statuses:
        assert status["last_success_utc"], f"{status['kind']}: there is no good backup yet"
    return datetime.fromisoformat(now), statuses
