"""What the role decided for this store, and the files in which the store says how it is."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

SETTINGS = Path("/etc/backup-repository/settings.json")
KEYS = Path("/etc/backup-repository/keys")
"""One file for each user whose repository is pruned, with the store's own password to it."""
STATE = Path("/var/lib/backup-repository")
"""Root's: a server that was taken over cannot forget here what it saw."""
PRUNED, SEEN, OPENED = STATE / "prune.json", STATE / "watch.json", STATE / "opened.json"


class UpkeepError(Exception):
    """One sentence for the operator."""


@dataclass(frozen=True)
class Settings:
    """Everything that the role decided."""

    data_dir: Path
    max_size_bytes: int
    """What the server takes in all; 0: no limit."""
    users: tuple[str, ...]
    keep: Mapping[str, str]
    """restic's durations, by what they are of: `within`, `within_daily`, …"""
    clock_tolerance_s: int
    metrics_dir: Path | None

    @classmethod
    def load(cls, path: Path = SETTINGS) -> Settings:
        """Read the settings; UpkeepError when there are none."""
        try:
            said = json.loads(path.read_text())
        except OSError as error:
            raise UpkeepError(f"no settings: {error}; deploy backup_repository") from error
        return cls(
            data_dir=Path(said["data_dir"]),
            max_size_bytes=said["max_size_bytes"],
            users=tuple(said["users"]),
            keep=said["keep"],
            clock_tolerance_s=said["clock_tolerance_s"],
            metrics_dir=Path(said["metrics_dir"]) if said["metrics_dir"] else None,
        )


def replace_text(path: Path, text: str) -> None:
    """Replace a file in one step: readers see the old one or the new one."""
    draft = path.with_name(f".{path.name}.new")
    with draft.open("w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.chmod(0o644)
    draft.replace(path)
