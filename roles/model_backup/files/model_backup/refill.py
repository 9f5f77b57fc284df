"""Making the repository anew from the second copy, where it was lost or set aside."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from model_backup.errors import BackupError
from model_backup.repository import fill, remember
from model_backup.restic import Restic
from model_backup.second import as_source

if TYPE_CHECKING:
    from model_backup.settings import Settings


@dataclass(frozen=True)
class Refilled:
    """What came back."""

    snapshots: int
    """That the repository holds now."""


def refill(settings: Settings) -> Refilled:
    """Copy every snapshot back that the repository lacks. A repository that is there is added to, not replaced."""
    if settings.second is None:
        raise BackupError("there is no second copy to refill from: set model_backup_copy_repository")
    restic = Restic(settings.repository, settings.host)
    restic.reach()
    fill(settings, restic, as_source(settings.second))
    remember(settings, restic)
    return Refilled(len(restic.objects("snapshots")[0]))
