"""Whether a backup is due."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from model_backup import manifest
from model_backup.settings import WEIGHTS
from model_backup.status import Status

if TYPE_CHECKING:
    from collections.abc import Iterable

    from model_backup.settings import Kind, Settings


def due(settings: Settings, kinds: Iterable[Kind], now: datetime | None = None) -> dict[str, str]:
    """Say by kind why its last backup does not do; empty when all are fresh."""
    moment = now or datetime.now(UTC)
    reasons = {kind.name: _why(Status.load(settings, kind.name), settings, moment) for kind in kinds}
    return {name: why for name, why in reasons.items() if why}


def _why(status: Status, settings: Settings, now: datetime) -> str | None:
    age_s = status.age_s(now)
    if age_s is None:
        return "there is no backup yet"
    if not 0 <= age_s <= status.rpo_s:
        return f"the last backup is {age_s:.0f} s old, more than {status.rpo_s}"
    if status.kind == WEIGHTS and status.manifest_sha256 != manifest.sha256(settings.manifest):
        return "the weights were changed since the last backup"
    if status.kind == WEIGHTS and settings.fast_tier and status.fast_utc is None:
        return "the weights are not in the fast tier yet"
    return None
