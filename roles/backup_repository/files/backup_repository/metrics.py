"""How the store is, as a text file for Prometheus' node exporter."""

from __future__ import annotations

import os
from collections import Counter
from datetime import datetime
from typing import TYPE_CHECKING

from backup_repository.settings import Settings, replace_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from backup_repository.prune import Pruned
    from backup_repository.refusals import Seen

FILE = "backup_repository.prom"
Samples = dict[str, float]
"""Values by labels, as they are written."""


def render(settings: Settings, pruned: Mapping[str, Pruned], seen: Seen) -> str:
    """Write the text that Prometheus reads; what did not happen yet has no sample."""
    lines: list[str] = []
    for name, kind, about, samples in _metrics(settings, pruned, seen):
        full = f"backup_repository_{name}"
        lines += [f"# HELP {full} {about}", f"# TYPE {full} {kind}"]
        lines += [f"{full}{labels} {value:.15g}" for labels, value in samples.items()]
    return "\n".join(lines) + "\n"


def _metrics(settings: Settings, pruned: Mapping[str, Pruned], seen: Seen) -> Iterator[tuple[str, str, str, Samples]]:
    room = os.statvfs(settings.data_dir)
    yield "free_bytes", "gauge", "Room on the file system of the repositories.", {"": room.f_bavail * room.f_frsize}
    yield "size_limit_bytes", "gauge", "What the server takes in all; 0 for no limit.", {"": settings.max_size_bytes}
    of = {user: f'{{repository="{user}"}}' for user in pruned}
    yield (
        "prune_last_success_timestamp_seconds",
        "gauge",
        "When the repository was last pruned.",
        {
            of[user]: datetime.fromisoformat(one.last_success_utc).timestamp()
            for user, one in pruned.items()
            if one.last_success_utc
        },
    )
    failed = {of[user]: float(one.last_error is not None) for user, one in pruned.items()}
    yield "prune_last_failed", "gauge", "1 if the last try to prune failed.", failed
    left: Samples = {of[user]: one.snapshots for user, one in pruned.items()}
    yield "snapshots", "gauge", "Snapshots that the last prune left.", left
    refused: Counter[str] = Counter()
    for kind, count in seen.refused.items():
        refused[f'{{repository="{kind.repository}",method="{kind.method}",status="{kind.status}"}}'] += count
    yield "refused_requests_total", "counter", "Requests that the server refused.", dict(sorted(refused.items()))


def write(settings: Settings, pruned: Mapping[str, Pruned], seen: Seen) -> None:
    """Replace the text file, if somebody wants one."""
    if settings.metrics_dir:
        replace_text(settings.metrics_dir / FILE, render(settings, pruned, seen))
