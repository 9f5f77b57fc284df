"""Finding rot in the repository, and in the weights, before a restore does."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from model_backup import fast_tier
from model_backup import manifest as manifests
from model_backup.errors import BackupError
from model_backup.files import replace_text
from model_backup.restic import Restic
from model_backup.settings import WEIGHTS
from model_backup.status import now_utc
from model_backup.statuses import update

if TYPE_CHECKING:
    from pathlib import Path

    from model_backup.settings import Settings


@dataclass(frozen=True)
class Verified:
    """What was read and found right."""

    part: str
    """Which part of the repository, of how many."""
    weights: int
    """Files of weights on this host that are as the manifest says."""


def verify(settings: Settings, *, everything: bool) -> Verified:
    """Check the repositories' structure, read one part of them, and the weights; keep what was found."""
    try:
        done = _verified(settings, everything=everything)
    except BaseException as error:
        for kind in settings.kinds:
            update(settings, kind.name, verify_error=str(error) or type(error).__name__)
        raise
    for kind in settings.kinds:
        update(settings, kind.name, verified_utc=now_utc(), verify_error=None)
    return done


def _verified(settings: Settings, *, everything: bool) -> Verified:
    parts = 1 if everything else settings.verify_parts
    state = settings.state_dir / "verify.json"
    part = _next(state, parts)
    for repository in (settings.repository, settings.second):
        if repository:
            restic = Restic(repository, settings.host)
            restic.reach()
            restic.run("check", f"--read-data-subset={part}/{parts}")
    if settings.fast_tier and (damaged := fast_tier.damaged(settings, part, parts)):
        raise BackupError(f"the fast tier is corrupted: remove these chunks on the store: {', '.join(damaged)}")
    weights = _weights(settings) if any(kind.name == WEIGHTS for kind in settings.kinds) else 0
    replace_text(state, json.dumps({"part": part, "of": parts}) + "\n")
    return Verified(f"{part}/{parts}", weights)


def _next(state: Path, parts: int) -> int:
    """Return the part after the one that was read last."""
    try:
        last = json.loads(state.read_text())
        return int(last["part"]) % parts + 1 if last["of"] == parts else 1
    except (OSError, ValueError, KeyError, TypeError):
        return 1


def _weights(settings: Settings) -> int:
    manifest = manifests.read(settings.manifest)
    if rotten := manifests.wrong_files(settings.models_dir, manifest):
        raise BackupError(f"these weights do not match {settings.manifest} any more: {', '.join(rotten)}")
    return len(manifest)
