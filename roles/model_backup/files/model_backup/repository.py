"""Making repositories, and telling one that is new from one that is lost."""

from __future__ import annotations

from typing import TYPE_CHECKING

from model_backup.errors import BackupError, NoRepositoryError
from model_backup.files import alone, replace_text

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from model_backup.restic import Restic
    from model_backup.settings import Settings

LOCK = "repository.lock"
"""Held while a repository is made: kinds may all run for the first time at once, and only one of them can make it."""


def begin(settings: Settings, restic: Restic, missing: NoRepositoryError) -> None:
    """Make a repository, unless there was one: then it is lost, and an empty one in its place would hide that."""
    with alone(settings.state_dir / LOCK, wait=True):
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


def fill(settings: Settings, restic: Restic, source: Mapping[str, str], *snapshots: str) -> None:
    """Copy these snapshots, or all, from the repository that `source` names; make this one where there is none."""
    try:
        restic.run("copy", *snapshots, extra=source)
    except NoRepositoryError:
        with alone(settings.state_dir / LOCK, wait=True):
            try:
                restic.run("cat", "config")
            except NoRepositoryError:
                # The same chunks as in the other, or nothing that is in both would be found to be.
                restic.run("init", "--copy-chunker-params", extra=source)
        restic.run("copy", *snapshots, extra=source)


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
