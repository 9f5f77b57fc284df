"""Removing what the fast tier no longer needs: chunks that no kept backup of weights names."""

from __future__ import annotations

import contextlib
import json
import os
import time
from typing import TYPE_CHECKING

from backup_repository.settings import UpkeepError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from backup_repository.opened import Opened

LIST = "/var/lib/model-backup/chunks.json"
"""What role model_backup archives with the weights: of which chunks they consist."""
FOLDER = "chunks/data"
GRACE_S = 2 * 86400
"""A backup uploads chunks before it archives the list that names them, and may take long."""


def prune(opened: Opened, now: float | None = None) -> int:
    """Remove chunks that are old and that no snapshot of weights names; return how many.

    A host can only add snapshots, so it can only make this keep more. A list that cannot be read removes nothing.
    """
    folder = opened.path / FOLDER
    there = [path for path in folder.rglob("*") if path.is_file()] if folder.is_dir() else []
    oldest = (time.time() if now is None else now) - GRACE_S
    spare = [path for path in there if path.stat().st_mtime < oldest]
    if not spare:
        return 0
    named = wanted(opened)
    found = [path for path in spare if path.name not in named]
    try:
        with _as_owner_of(folder):
            for path in found:
                path.unlink(missing_ok=True)
    except OSError as error:
        raise UpkeepError(f"not all chunks that no backup names were removed: {error}") from error
    return len(found)


@contextlib.contextmanager
def _as_owner_of(path: Path) -> Iterator[None]:
    """Act as the user whose files these are: the service's root may read them, and has no capability to write there."""
    owner, before = path.stat(), (os.geteuid(), os.getegid())
    os.setegid(owner.st_gid)
    os.seteuid(owner.st_uid)
    try:
        yield
    finally:
        os.seteuid(before[0])
        os.setegid(before[1])


def wanted(opened: Opened) -> set[str]:
    """The chunks that the kept snapshots of weights name."""
    named: set[str] = set()
    for snapshot in opened.said("snapshots", "--tag", "model-backup,kind=weights")[0]:
        if LIST not in snapshot["paths"]:
            continue  # of a time without the fast tier
        try:
            said = json.loads(opened.dump(snapshot["id"], LIST))
            named |= {chunk for file in said["files"] for chunk in file["chunks"]}
        except (ValueError, KeyError, TypeError) as error:
            raise UpkeepError(
                f"no chunk was removed: the list of them in snapshot {snapshot['short_id']} cannot be read: {error}"
            ) from error
    return named
