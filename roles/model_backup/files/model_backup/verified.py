"""Files whose digest was right, so that the same files need not be read again for every backup.

A file counts as the same while device, inode, size and both times are: no write through the file system leaves them
all as they were. Bits that rot on the medium do. That is no danger to the archive: of a file that looks unchanged,
restic takes over the blobs of the last good snapshot, and reads nothing (see `backup.py`). The live file's own rot is
found by `verify`, and by the service's digest check.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from model_backup.files import replace_text

if TYPE_CHECKING:
    from pathlib import Path

RACY_NS = 2_000_000_000
"""A file that was written within this time before it was read may be written again without its times telling."""

Signature = list[int]


def signature(path: Path) -> Signature | None:
    """Return what changes with every ordinary write to a file or replacement of it; None when there is none."""
    try:
        item = path.stat()
    except OSError:
        return None
    return [item.st_dev, item.st_ino, item.st_size, item.st_mtime_ns, item.st_ctime_ns]


@dataclass
class Verified:
    """Signatures of files that were read and found right, by name and digest."""

    path: Path
    seen: dict[str, Signature] = field(default_factory=dict)

    @classmethod
    def load(cls, path: Path) -> Verified:
        """Read what was kept; what cannot be read counts as nothing."""
        try:
            said = json.loads(path.read_text())
            return cls(path, {str(key): [int(part) for part in value] for key, value in said.items()})
        except (OSError, ValueError, TypeError, AttributeError):
            return cls(path)

    def holds(self, file: Path, digest: str) -> bool:
        """Say whether a file is as it was when it had this digest."""
        now = signature(file)
        return now is not None and self.seen.get(f"{digest} {file}") == now

    def keep(self, found: dict[tuple[Path, str], Signature], read_from_ns: int) -> None:
        """Replace what is known by files that were found right, with their signatures from before they were read."""
        sure = read_from_ns - RACY_NS
        self.seen = {f"{digest} {file}": mark for (file, digest), mark in found.items() if max(mark[3:]) < sure}
        replace_text(self.path, json.dumps(self.seen, indent=2) + "\n", 0o600)
