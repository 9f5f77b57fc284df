"""Bringing weights back: beside those that serve, on the same file system, and renamed once their digest is right.

The draft lies in a hidden folder that is named after the manifest. What a restore that was cut off has left there is
completed by the next one, which reads all of it again; a draft of another manifest is removed.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import time
from typing import TYPE_CHECKING

from model_backup import fast_tier
from model_backup import manifest as manifests
from model_backup.errors import BackupError, ChunkError
from model_backup.files import sync_folder
from model_backup.restore import Report, source
from model_backup.settings import WEIGHTS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from model_backup.restic import Restic
    from model_backup.settings import Settings

LATEST = "latest"
DRAFTS = ".model-restore"
TRIES = 3
"""Snapshots, before a restore gives up."""


def restore(settings: Settings, snapshot: str, *, from_second: bool) -> Report:
    """Bring the weights back, unless those that are there are right."""
    started = time.monotonic()
    manifest = manifests.read(settings.manifest)
    drafts = settings.models_dir / DRAFTS  # below the models: only the same file system can be renamed from
    wrong = {name: manifest[name] for name in manifests.wrong_files(settings.models_dir, manifest)}
    used: str | None = None
    fast: list[str] = []
    resumed, size = 0, 0
    if wrong:
        draft = _draft(drafts, manifests.sha256(settings.manifest) or "")
        restic = source(settings, from_second=from_second)
        restic.reach()
        try:
            if settings.fast_tier and not from_second and snapshot == LATEST:
                fast, resumed = _fetch_fast(settings, restic, wrong, draft)
            if rest := {name: digest for name, digest in wrong.items() if name not in fast}:
                used = _fetch_any(settings, restic, snapshot, rest, draft)
        except OSError as error:
            if error.errno == errno.ENOSPC:  # room that serving may need
                shutil.rmtree(drafts, ignore_errors=True)
            raise
        size = sum((draft / name).stat().st_size for name in wrong)
        _put_in_place(draft, settings.models_dir, wrong)
    shutil.rmtree(drafts, ignore_errors=True)
    return Report(WEIGHTS, sorted(wrong), used, size, round(time.monotonic() - started, 3), tuple(fast), resumed)


def _draft(drafts: Path, manifest_sha256: str) -> Path:
    """Make the draft's folder, or find it again; remove those of other manifests."""
    draft = drafts / manifest_sha256[:16]
    draft.mkdir(mode=0o700, parents=True, exist_ok=True)
    for other in drafts.iterdir():
        if other != draft:
            shutil.rmtree(other, ignore_errors=True)
    return draft


def _fetch_fast(settings: Settings, restic: Restic, wanted: Mapping[str, str], draft: Path) -> tuple[list[str], int]:
    """Take what the fast tier has whole; name these files, and count the bytes that were there already."""
    listed = fast_tier.lists(settings, restic, set(wanted.values()))
    done, resumed = [], 0
    for name, digest in wanted.items():
        with contextlib.suppress(ChunkError):  # restic fills what is missing here, and keeps the rest
            if digest in listed:
                resumed += fast_tier.fetch(settings, listed[digest], draft / name)
                done.append(name)
    return done, resumed


def _fetch_any(settings: Settings, restic: Restic, snapshot: str, wanted: Mapping[str, str], draft: Path) -> str:
    """Complete the draft from the first snapshot that has what is wanted, and name that.

    `latest` goes on to those before it, for the last one may have been made while weights rotted.
    """
    for item in restic.snapshots(WEIGHTS)[:TRIES] if snapshot == LATEST else [snapshot]:
        chosen = [word for name in wanted for word in ("--include", f"/{name}")]
        # restic keeps the parts of the draft that are right already.
        restic.run("restore", f"{item}:{settings.models_dir}", "--target", str(draft), "--overwrite", "always", *chosen)
        if not manifests.wrong_files(draft, wanted):
            return item
    shutil.rmtree(draft.parent)  # nothing in it is worth going on with
    names = ", ".join(wanted)
    raise BackupError(f"snapshot {snapshot} does not hold the weights of {settings.manifest}: {names}")


def _put_in_place(draft: Path, target: Path, names: Mapping[str, str]) -> None:
    """Rename verified files to where they serve, each in one step and written through to the disk first."""
    for name in names:
        with (draft / name).open("rb") as file:
            os.fsync(file.fileno())
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        (draft / name).replace(target / name)
        sync_folder((target / name).parent)
