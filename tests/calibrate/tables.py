"""The calibration's output: what was measured for each kind of outage, and every target beside it."""

from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from drill_runner.evaluate.numbers import nearest_rank
from tests.calibrate.score import TARGETS, Row, Score


def show_kinds(total: Score, console: Console) -> None:
    """A line for each kind of outage."""
    table = Table(box=None, pad_edge=False)
    table.add_column("outage")
    for heading in ("n", "truth inside", "start", "end", "widest", "off p50", "off p95"):
        table.add_column(heading, justify="right")
    for name in sorted({row.name for row in total.rows}):
        _add(table, name, [row for row in total.rows if row.name == name])
    _add(table, "all", total.rows)
    console.print(table)
    if total.beside_late:
        console.print(
            f"{total.beside_late} intervals lie beside one of the probes that could not be sent in time "
            f"({total.not_sent} not at all); the widest of the others is {total.widest_in_time_s * 1000:.1f} ms"
        )
    console.print()


def show_targets(scores: Mapping[str, Score], console: Console) -> None:
    """Every target, and beside it what was measured under each load."""
    table = Table(box=None, pad_edge=False)
    table.add_column("target")
    table.add_column("promised", justify="right")
    for load in scores:
        table.add_column(load, justify="right")
    for target in TARGETS:
        measured = (_measured(target.measured(one), met=target.met(one)) for one in scores.values())
        table.add_row(target.name, target.promised, *measured)
    console.print(table)


def _measured(value: str, *, met: bool) -> Text:
    return Text(value) if met else Text(f"MISSED {value}", style="red")


def _add(table: Table, name: str, rows: Sequence[Row]) -> None:
    count = len(rows)
    off = sorted(row.off_s for row in rows)
    widest = max((row.reported.width for row in rows if row.reported), default=0.0)
    table.add_row(
        name,
        str(count),
        f"{sum(row.inside for row in rows) / count:.0%}",
        f"{sum(row.start_inside for row in rows) / count:.0%}",
        f"{sum(row.end_inside for row in rows) / count:.0%}",
        f"{widest * 1000:.0f} ms",
        f"{nearest_rank(off, 0.5) * 1000:.1f} ms",
        f"{nearest_rank(off, 0.95) * 1000:.1f} ms",
    )
