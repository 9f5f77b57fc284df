"""The statuses as a text file for Prometheus' node exporter."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from model_backup.files import replace_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from model_backup.status import Status

FILE = "model_backup.prom"


def _seconds(moment: str | None) -> float | None:
    return None if moment is None else datetime.fromisoformat(moment).timestamp()


METRICS: tuple[tuple[str, str, Callable[[Status], float | None]], ...] = (
    ("last_success_timestamp_seconds", "When the last good backup was made.", lambda s: _seconds(s.last_success_utc)),
    ("last_run_timestamp_seconds", "When a backup was last tried.", lambda s: _seconds(s.last_run_utc)),
    ("last_run_failed", "1 if the last backup failed.", lambda s: float(s.last_error is not None)),
    ("rpo_seconds", "How old a backup may get.", lambda s: s.rpo_s),
    ("files", "Files in the last good backup.", lambda s: s.files),
    ("size_bytes", "What the last good backup holds.", lambda s: s.bytes),
    ("duration_seconds", "How long the last good backup took.", lambda s: s.duration_s),
    ("copied_timestamp_seconds", "When a backup last got into the second copy.", lambda s: _seconds(s.copied_utc)),
    ("copy_failed", "1 if the last copy to the second repository failed.", lambda s: float(s.copy_error is not None)),
    ("fast_tier_timestamp_seconds", "When the fast tier was last complete.", lambda s: _seconds(s.fast_utc)),
    ("fast_tier_failed", "1 if the fast tier is not complete.", lambda s: float(s.fast_error is not None)),
    ("verified_timestamp_seconds", "When the repository was last found right.", lambda s: _seconds(s.verified_utc)),
    ("verify_failed", "1 if the last verification found something.", lambda s: float(s.verify_error is not None)),
)


def render(statuses: Iterable[Status]) -> str:
    """Write the text that Prometheus reads; what did not happen yet has no sample."""
    held = list(statuses)
    lines: list[str] = []
    for name, help_text, value_of in METRICS:
        values = [(status.kind, value_of(status)) for status in held]
        lines += [f"# HELP model_backup_{name} {help_text}", f"# TYPE model_backup_{name} gauge"]
        lines += [f'model_backup_{name}{{kind="{kind}"}} {value:.15g}' for kind, value in values if value is not None]
    return "\n".join(lines) + "\n"


def write(folder: Path | None, statuses: Iterable[Status]) -> None:
    """Replace the text file in one step, if somebody wants one."""
    if folder:
        replace_text(folder / FILE, render(statuses))
