"""Making repositories, and telling one that is new from one that is lost."""

from __future__ import annotations

from typing import TYPE_CHECKING

from model_backup.errors import BackupError, NoRepositoryError
from model_backup.files import alone, replace_text

if TYPE_CHECKING:
    from pathlib import Path

    from model_backup.restic import Restic
    from model_backup.settings import Settings


def begin(settings: Settings, restic: Restic, missing: NoRepositoryError) -> None:
    """Make a repository, unless there was one: then it is lost, and an empty one in its place would hide that."""
    with alone(settings.state_dir / "repository.lock", wait=True):  # kinds may all run for the first time at once
        try:
            restic.run("cat", "config")
        except NoRepositoryError:
            if known(settings, restic):
                raise BackupError(
                    f"the repository at {restic.repository.location} is lost, with every backup in it: bring it back, "
                    "or begin a new one with `model-backup init`"
                ) from missing
            restic.run("init")
            remember(settings, restic)


def known(settings: Settings, restic: Restic) -> bool:
    """Say whether this host has used this repository before."""
    return restic.repository.location in _used(settings)


def remember(settings: Settings, restic: Restic) -> None:
    """Keep in mind that this host uses this repository."""
    if not known(settings, restic):
        lines = [*_used(settings), restic.repository.location]
        replace_text(_mark(settings), "\n".join(lines) + "\n", 0o600)


def _used(settings: Settings) -> list[str]:
    try:
        return _mark(settings).read_text().splitlines()
    except OSError:
        return []


def _mark(settings: Settings) -> Path:
    return settings.state_dir / "repositories"
