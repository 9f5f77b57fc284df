"""How far back restored data goes, told by the data and not by anybody's books.

Before a backup reads a kind of data it writes the kind's next marker: a number, and when it began. The marker is
archived in the same snapshot. What was written before that instant is in it; what was written after restic had read
everything is not.
"""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from model_backup.errors import BackupError
from model_backup.files import replace_text

if TYPE_CHECKING:
    from pathlib import Path

    from model_backup.restic import Restic
    from model_backup.settings import Kind, Settings


@dataclass(frozen=True)
class Marker:
    """One backup of one kind."""

    number: int
    begun: float
    """Seconds since the epoch."""


@dataclass(frozen=True)
class Restored:
    """What a restore found, as the module `host_evidence` reads it. Instants: seconds since the epoch."""

    kind: str
    snapshot: str
    marker: int
    begun: float
    ended: float
    """When everything had been read; where the snapshot does not say, when it was restored: no bound at all."""
    restored: float
    rpo_s: int


def path_of(settings: Settings, kind: str) -> Path:
    """Return where a kind's marker is."""
    return settings.state_dir / "markers" / f"{kind}.json"


def write_next(settings: Settings, kind: str) -> Path:
    """Write the next marker, through to the disk, and return its file."""
    path = path_of(settings, kind)
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    replace_text(path, json.dumps(asdict(Marker(_last(path) + 1, time.time()))) + "\n")
    return path


def note(settings: Settings, kind: Kind, restic: Restic, snapshot: str | None) -> Restored | None:
    """Keep which marker a restored snapshot holds. None: it has none; the data is restored all the same.

    Without a snapshot the data came from the fast tier: the newest backup vouched for it, by the same digests.
    """
    now = time.time()
    try:
        snapshot = snapshot or restic.snapshots(kind.name)[0]
        marker = Marker(**json.loads(restic.run("dump", snapshot, str(path_of(settings, kind.name)))))
        ended = _ended(json.loads(restic.run("cat", "snapshot", snapshot)))
    except (BackupError, LookupError, ValueError, TypeError):
        return None
    found = Restored(kind.name, snapshot, marker.number, marker.begun, ended or now, now, kind.rpo_s)
    path = settings.state_dir / "restored" / f"{kind.name}.json"
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    replace_text(path, json.dumps(asdict(found)) + "\n")
    return found


def _last(path: Path) -> int:
    try:
        return int(json.loads(path.read_text())["number"])
    except (OSError, ValueError, KeyError, TypeError):
        return 0


def _ended(snapshot: dict[str, dict[str, str]]) -> float | None:
    """Read when restic had read everything: since 0.17 the snapshot says."""
    said = snapshot.get("summary", {}).get("backup_end")
    return datetime.fromisoformat(said).timestamp() if said else None
