"""Change what is known of a kind's backups, and with it what metrics say."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

from model_backup import metrics
from model_backup.files import alone, replace_text
from model_backup.status import Status, load_all, path_of

if TYPE_CHECKING:
    from model_backup.settings import Settings


def update(settings: Settings, kind: str, **changes: str | float | None) -> Status:
    """Change what is known of a kind in one step; no writer undoes what another one writes at the same time."""
    path = path_of(settings, kind)
    with alone(path.with_name(".lock"), wait=True):
        status = replace(Status.load(settings, kind), **changes)  # type: ignore[arg-type]
        replace_text(path, json.dumps(asdict(status), indent=2) + "\n")
        metrics.write(settings.metrics_dir, load_all(settings))
    return status
