"""Every inference host has a good backup, younger than its recovery point objective."""

import json
from datetime import datetime

from testinfra.host import Host

testinfra_hosts = ["ansible://llm_servers"]

STATUS = "/var/lib/model-backup/status.json"
CLOCK_S = 2
"""How far in the future a backup may lie: the clock's whole seconds, and no more."""


def test_backup_is_young_enough(host: Host) -> None:
    # One clock: the host that wrote the time says what time it is.
    read = host.run("date -u +%%FT%%TZ && cat %s", STATUS)
    assert read.rc == 0, f"{STATUS}: {read.stderr.strip()}"
    now, text = read.stdout.split("\n", 1)
    status = json.loads(text)
    age_s = (datetime.fromisoformat(now) - datetime.fromisoformat(status["last_success_utc"])).total_seconds()
    assert -CLOCK_S <= age_s <= status["rpo_s"], f"{age_s:.0f} s old, promised {status['rpo_s']} s"
    assert status["snapshot"], "the last good backup has no snapshot"
    assert status["files"] > 0, "the last good backup holds no files"
    assert status["bytes"] > 0, "the last good backup holds no bytes"
