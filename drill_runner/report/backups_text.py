"""Backups for a terminal: the worst first."""

from collections.abc import Iterable
from datetime import datetime

from rich import box
from rich.console import Console
from rich.filesize import decimal
from rich.table import Table
from rich.text import Text

from drill_runner.model.backup import Backup, State

_STYLES: dict[State, str] = {"failing": "red", "never": "red", "overdue": "yellow", "fresh": "green"}
_ORDER = tuple(_STYLES)
_UNITS = (("d", 86400.0), ("h", 3600.0), ("min", 60.0))


def show_backups(backups: Iterable[Backup], console: Console, now: datetime) -> None:
    """Print a table; ages count until `now`."""
    table = Table(box=box.SIMPLE_HEAD, header_style="dim", pad_edge=False, padding=(0, 1), collapse_padding=True)
    for head in ("HOST", "DATA", "STATE", "AGE", "RPO", "SIZE", "TOOK", "COPIED", "VERIFIED", "SNAPSHOT"):
        table.add_column(head, justify="right" if head in {"AGE", "RPO", "SIZE", "TOOK"} else "left", no_wrap=True)
    ordered = sorted(backups, key=lambda one: (_ORDER.index(one.state(now)), one.host, one.kind))
    for one in ordered:
        state, age = one.state(now), one.age_s(now)
        table.add_row(
            one.host,
            one.kind,
            Text(state, style=_STYLES[state]),
            "-" if age is None else duration(age),
            duration(one.rpo_s),
            "-" if age is None else decimal(one.bytes),
            "-" if age is None else f"{one.duration_s:.1f} s",
            _ago(one.copied_utc, now),
            _ago(one.verified_utc, now),
            (one.snapshot or "-")[:8],
        )
    console.print(table)
    for one in ordered:
        if one.error:
            console.print(Text.assemble((f"{one.host}, {one.kind}: ", "bold"), one.error), soft_wrap=True)


def duration(seconds: float) -> str:
    """`45 s`, `12 min`, `3.2 h`, `2.1 d`."""
    for unit, length in _UNITS:
        if seconds >= length:
            count = seconds / length
            return f"{count:.0f} {unit}" if unit == "min" else f"{count:.1f} {unit}"
    return f"{seconds:.0f} s"


def _ago(when: datetime | None, now: datetime) -> str:
    return "-" if when is None else f"{duration((now - when).total_seconds())} ago"
