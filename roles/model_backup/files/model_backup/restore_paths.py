"""Bringing configuration, ledgers and other paths back, file by file: a reader sees the old file or the new one."""

from __future__ import annotations

import filecmp
import os
import shutil
import time
from typing import TYPE_CHECKING

from model_backup.files import sync_folder
from model_backup.restore import Report, source

if TYPE_CHECKING:
    from pathlib import Path

    from model_backup.settings import Kind, Settings

SUFFIX = ".model-restore"


def restore(settings: Settings, kind: Kind, target: Path, snapshot: str, *, from_second: bool) -> Report:
    """Bring a kind's paths back below a folder: `/` puts them where they came from. What is not in the backup stays."""
    started = time.monotonic()
    restic = source(settings, from_second=from_second)
    restic.reach()
    staging = settings.state_dir / f"restore-{kind.name}"
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir(mode=0o700, parents=True)
    try:
        name = restic.snapshots(kind.name)[0] if snapshot == "latest" else snapshot
        restic.run("restore", name, "--target", str(staging))
        changed = [path for path in sorted(staging.rglob("*")) if _place(path, target / path.relative_to(staging))]
        return Report(
            kind=kind.name,
            restored=sorted(str(target / path.relative_to(staging)) for path in changed),
            snapshot=name,
            bytes=sum(path.lstat().st_size for path in changed if path.is_file()),
            duration_s=round(time.monotonic() - started, 3),
        )
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _place(draft: Path, final: Path) -> bool:
    """Put one entry in place with its owner and mode; say whether that changed anything."""
    if draft.is_dir() and not draft.is_symlink():
        missing = not final.is_dir()
        if missing:
            final.mkdir(parents=True)
            _owned(draft, final)
        return missing
    if _same(draft, final):
        return False
    beside = final.with_name(f".{final.name}{SUFFIX}")
    beside.unlink(missing_ok=True)
    shutil.copy2(draft, beside, follow_symlinks=False)
    _owned(draft, beside)
    if not beside.is_symlink():
        with beside.open("rb") as file:
            os.fsync(file.fileno())
    beside.replace(final)
    sync_folder(final.parent)
    return True


def _owned(draft: Path, final: Path) -> None:
    was = draft.lstat()
    os.chown(final, was.st_uid, was.st_gid, follow_symlinks=False)
    if not draft.is_symlink():
        final.chmod(was.st_mode & 0o7777)


def _same(draft: Path, final: Path) -> bool:
    if draft.is_symlink() or final.is_symlink():
        return draft.is_symlink() and final.is_symlink() and draft.readlink() == final.readlink()
    if not final.is_file():
        return False
    was, now = draft.stat(), final.stat()
    alike = (was.st_uid, was.st_gid, was.st_mode) == (now.st_uid, now.st_gid, now.st_mode)
    return alike and filecmp.cmp(draft, final, shallow=False)
