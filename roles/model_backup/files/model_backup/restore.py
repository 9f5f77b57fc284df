"""What every restore says, and where it takes backups from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from model_backup.errors import BackupError
from model_backup.restic import Restic

if TYPE_CHECKING:
    from model_backup.settings import Settings


@dataclass(frozen=True)
class Report:
    """What a restore did."""

    kind: str
    restored: list[str]
    """Files that were not right before; none when all were."""
    snapshot: str | None
    bytes: int
    duration_s: float
    fast: tuple[str, ...] = ()
    """Those of them that came from the fast tier."""
    resumed_bytes: int = 0
    """What a restore that was interrupted had left, and was right."""

    @property
    def changed(self) -> bool:
        """Whether anything was put in place."""
        return bool(self.restored)


def source(settings: Settings, *, from_second: bool) -> Restic:
    """Choose the repository to restore from."""
    if not from_second:
        return Restic(settings.repository, settings.host)
    if settings.second is None:
        raise BackupError("there is no second repository: set model_backup_copy_repository and deploy model_backup")
    return Restic(settings.second, settings.host)
