"""What every test of this scenario asks a host."""

import json
from typing import Any

from testinfra.host import Host

PROGRAM = "/usr/local/libexec/model-backup"
RESTIC = "set -a; . /etc/model-backup/environment; restic"
WEIGHTS = "/srv/molecule-models/model.gguf"
BACKUP = "model-backup@weights.service"
RESTORE = f"systemd-run --quiet --wait --pipe --collect --unit=model-restore {PROGRAM} restore weights"


def run(host: Host, command: str) -> str:
    """What a command printed, which has to succeed."""
    done = host.run(command)
    assert done.rc == 0, done.stderr
    return str(done.stdout)


def status(host: Host, kind: str) -> dict[str, Any]:
    """How the backups of a kind went."""
    found: dict[str, Any] = json.loads(host.file(f"/var/lib/model-backup/status/{kind}.json").content_string)
    return found


def weights_are_right(host: Host) -> bool:
    """Whether they are what the manifest says."""
    done = host.run("cd /srv/molecule-models && sha256sum --status -c /etc/molecule-model/manifest.sha256")
    return bool(done.rc == 0)


def corrupt(host: Host) -> None:
    """Let them rot."""
    run(host, f"printf rot | dd of={WEIGHTS} bs=1 seek=12345678 conv=notrunc status=none")
    assert not weights_are_right(host)
