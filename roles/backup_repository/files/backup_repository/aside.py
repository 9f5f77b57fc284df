"""Making room for a good repository where a damaged one is."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from backup_repository.opened import repository
from backup_repository.scrub import wrong
from backup_repository.settings import Settings, UpkeepError

if TYPE_CHECKING:
    from pathlib import Path

PARTS = ("config", "keys", "snapshots", "index", "data", "locks")
"""What a repository consists of. What else is below the user's folder, such as plain chunks, stays."""
DAMAGED = ".damaged"


def set_aside(settings: Settings, user: str, *, discard: bool) -> dict[str, object]:
    """Move the user's repository out of the server's sight, or remove it; say what rotted in it, and where it is.

    UpkeepError where nothing rotted: a good repository is not put at risk for a lock or a wrong password.
    """
    path = repository(settings, user)
    if path is None:
        return {"changed": False, "rotten": [], "aside": None}  # somebody was here before, and may have been cut short
    rotten = wrong(path)
    if not rotten:
        raise UpkeepError(
            f"{path} stays: every file in it holds what its name says, so something else keeps it from being used"
        )
    place = _place(settings, user)
    for part in PARTS:  # the config first: without it nobody takes the rest for a repository
        if (path / part).exists():
            (path / part).rename(place / part)
    if discard:
        shutil.rmtree(place)
    return {"changed": True, "rotten": rotten, "aside": None if discard else str(place)}


def _place(settings: Settings, user: str) -> Path:
    """A new folder that is nobody's name: users cannot begin with a dot, nor can the server's paths."""
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    place = settings.data_dir / DAMAGED / f"{user}-{stamp}"
    place.mkdir(mode=0o700, parents=True)
    return place
