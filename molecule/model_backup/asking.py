"""What every test of this scenario asks a host."""

import json
from typing import Any

from testinfra.host import Host

PROGRAM = "/usr/local/libexec/model-backup"
RESTIC = "set -a; . /etc/model-backup/environment; restic"


def run(host: Host, command: str) -> str:
    """What a command printed, which has to succeed."""
    done = host.run(command)
    assert done.rc == 0, done.stderr
    return str(done.stdout)


def status(host: Host, kind: str) -> dict[str, Any]:
    """How the backups of a kind went."""
    found: dict[str, Any] = json.loads(host.file(f"/var/lib/model-backup/status/{kind}.json").content_string)
    return found
