"""Making a backup.

Why rot does not get into a snapshot that counts as good. A snapshot's parent is the last good one, or there is none
and every file is read. A file that looks as it did then is not read: restic takes over its blobs, which were right. A
file that does not look so is hashed before restic reads it, and once more afterwards: bits on a medium that have
rotted stay rotten, so what is right after restic's reading was right while restic read. A snapshot that fails the
second look stays in the repository, which is append-only, but is neither the status' snapshot nor anybody's parent,
and a restore that meets it goes on to the one before.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from model_backup import fast_tier, markers, repository, second
from model_backup import manifest as manifests
from model_backup.errors import BackupError, ChunkError, NoRepositoryError, NoSnapshotError
from model_backup.restic import Made, Restic
from model_backup.settings import WEIGHTS, Kind, Settings
from model_backup.status import Status, now_utc
from model_backup.statuses import update
from model_backup.verified import Signature, Verified, signature

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def backup(settings: Settings, kind: Kind) -> Status:
    """Archive one kind, copy it to the second repository, and keep the status, whatever happens."""
    started, started_utc = time.monotonic(), now_utc()
    before = Status.load(settings, kind.name)
    try:
        restic = Restic(settings.repository, settings.host)
        restic.reach()
        made, manifest_sha256 = (
            _weights(settings, restic, before)
            if kind.name == WEIGHTS
            else (_paths(settings, restic, kind, before), None)
        )
    except BaseException as error:
        update(settings, kind.name, last_run_utc=started_utc, last_error=str(error) or type(error).__name__)
        raise
    status = update(
        settings,
        kind.name,
        last_run_utc=started_utc,
        last_success_utc=now_utc(),
        snapshot=made.snapshot,
        files=made.files,
        bytes=made.bytes,
        duration_s=round(time.monotonic() - started, 3),
        last_error=None,
        manifest_sha256=manifest_sha256,
    )
    if settings.second:
        status = second.copy(settings, status)
    if status.fast_error:
        raise BackupError(f"backed up, but not in the fast tier: {status.fast_error}")
    return status


def refuse_empty(paths: tuple[Path, ...]) -> None:
    """Refuse a path that holds nothing: a backup of it would look like one."""
    for path in paths:
        held = (item for item in path.rglob("*") if not item.is_dir()) if path.is_dir() else iter([path])
        first = next(held, None)
        if first is None or not (first.exists() or first.is_symlink()):
            raise BackupError(f"{path} holds nothing: correct model_backup_kinds, or put there what shall be kept")


def _paths(settings: Settings, restic: Restic, kind: Kind, before: Status) -> Made:
    refuse_empty(kind.paths)
    return _archive(settings, restic, kind.name, [str(path) for path in kind.paths], before)


def _weights(settings: Settings, restic: Restic, before: Status) -> tuple[Made, str | None]:
    """Archive weights that are right, with their manifest; also return its digest."""
    manifest_sha256 = manifests.sha256(settings.manifest)
    manifest = manifests.read(settings.manifest)
    looks = _looks(settings, manifest)
    verified = Verified.load(settings.state_dir / "verified.json")
    unknown = [name for name in manifest if not verified.holds(settings.models_dir / name, manifest[name])]
    read_from_ns = time.time_ns()
    if rotten := manifests.wrong_files(settings.models_dir, manifest, unknown):
        raise BackupError(f"not archived: these weights do not match {settings.manifest}: {', '.join(rotten)}")
    paths = [*(str(settings.models_dir / name) for name in manifest), str(settings.manifest)]
    if settings.fast_tier:
        _fast_tier(settings, manifest)
        paths += [str(settings.chunk_list)] if settings.chunk_list.exists() else []
    made = _archive(settings, restic, WEIGHTS, paths, before)
    if _looks(settings, manifest) != looks or (made.read and manifests.wrong_files(settings.models_dir, manifest)):
        raise BackupError(f"weights changed while they were archived: snapshot {made.snapshot[:8]} is not a good one")
    if unknown:
        verified.keep(looks, read_from_ns)
    return made, manifest_sha256


def _fast_tier(settings: Settings, manifest: Mapping[str, str]) -> None:
    """Bring the fast tier up to date. The archive comes first: trouble here is kept, and said at the end."""
    try:
        fast_tier.store(settings, manifest)
    except ChunkError as error:
        update(settings, WEIGHTS, fast_error=str(error))
    else:
        update(settings, WEIGHTS, fast_utc=now_utc(), fast_error=None)


def _looks(settings: Settings, manifest: Mapping[str, str]) -> dict[tuple[Path, str], Signature]:
    files = [(settings.models_dir / name, digest) for name, digest in manifest.items()]
    return {(path, digest): mark for path, digest in files if (mark := signature(path))}


def _archive(settings: Settings, restic: Restic, kind: str, paths: list[str], before: Status) -> Made:
    """Run restic, on a new marker too; make the repository if this host never had one."""
    paths = [*paths, str(markers.write_next(settings, kind))]
    try:
        made = restic.backup(kind, paths, before.snapshot)
    except NoSnapshotError:  # retention removed the parent: read everything
        made = restic.backup(kind, paths, None)
    except NoRepositoryError as missing:
        repository.begin(settings, restic, missing)
        made = restic.backup(kind, paths, None)
    repository.remember(settings, restic)
    return made
