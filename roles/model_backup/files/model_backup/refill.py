"""Making the repository anew from the second copy, where it was lost or set aside."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from model_backup.errors import BackupError, NoRepositoryError
from model_backup.repository import remember
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
    source = as_source(settings.second)
    try:
        restic.run("copy", extra=source)
    except NoRepositoryError:
        # The same chunks as in the copy, or nothing that is in both would be found to be.
        restic.run("init", "--copy-chunker-params", extra=source)
        restic.run("copy", extra=source)
    remember(settings, restic)
    return Refilled(len(restic.objects("snapshots")[0]))
