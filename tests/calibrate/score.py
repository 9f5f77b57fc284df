"""How far off the reported times were, and whether that is what was promised."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

from drill_runner.evaluate.numbers import nearest_rank
from drill_runner.model.base import Interval
from drill_runner.model.result import Episode
from drill_runner.model.sample import ProbeSample
from tests.calibrate.rehearse import PERIOD_S, Rehearsal, Truth

COVERED_AT_LEAST = 0.99
WIDTH_AT_MOST_S = 2 * PERIOD_S + 0.020
MIDPOINT_P95_AT_MOST_S = 0.040
CPU_AT_MOST = 0.10
LATE_S = 0.005
"""A probe sent later than this widens the intervals beside it by as much."""


@dataclass(frozen=True)
class Row:
    """One outage: the truth, and what was reported of it (None: nothing was)."""

    name: str
    truth_s: float
    reported: Interval | None
    start_inside: bool
    end_inside: bool
    beside_late: bool
    """The observer was kept from sending a probe in time, at this outage's start or end."""

    @property
    def inside(self) -> bool:
        """The true length is in the reported interval."""
        return self.reported is not None and self.reported.lower <= self.truth_s <= self.reported.upper

    @property
    def off_s(self) -> float:
        """Distance of the interval's middle from the truth."""
        if self.reported is None:
            return self.truth_s
        return abs((self.reported.lower + self.reported.upper) / 2 - self.truth_s)


@dataclass(frozen=True)
class Score:
    """All of a rehearsal."""

    rows: tuple[Row, ...]
    spurious: int
    accounted: float
    not_sent: int
    scheduled: int
    cpu_share: float

    @property
    def missed(self) -> tuple[str, ...]:
        """The promises that were not kept."""
        return tuple(self._missed())

    def _missed(self) -> Iterator[str]:
        covered = sum(row.inside for row in self.rows) / len(self.rows)
        if covered < COVERED_AT_LEAST:
            yield f"the truth is inside {covered:.1%} of the intervals, promised {COVERED_AT_LEAST:.0%}"
        in_time = [row for row in self.rows if not row.beside_late]
        widest = max((row.reported.width for row in in_time if row.reported), default=0.0)
        if widest > WIDTH_AT_MOST_S:
            yield f"the widest interval is {widest * 1000:.1f} ms, promised {WIDTH_AT_MOST_S * 1000:.0f} ms"
        off = nearest_rank(sorted(row.off_s for row in self.rows), 0.95)
        if off > MIDPOINT_P95_AT_MOST_S:
            promised = MIDPOINT_P95_AT_MOST_S * 1000
            yield f"95 % of the midpoints are within {off * 1000:.1f} ms, promised {promised:.0f} ms"
        if self.accounted < 1:
            yield f"{self.accounted:.2%} of the scheduled probes are accounted for, promised all"
        if self.spurious:
            yield f"{self.spurious} outages were reported that never were"
        if self.cpu_share > CPU_AT_MOST:
            yield f"the observer used {self.cpu_share:.1%} of one core, promised {CPU_AT_MOST:.0%}"


def score(rehearsal: Rehearsal) -> Score:
    """Match every truth with what was reported while it lasted."""
    left = list(rehearsal.episodes)
    rows = []
    probes = rehearsal.probes
    late = [probe.due - rehearsal.begin for probe in probes if _late(probe)]
    for truth in rehearsal.truths:
        at = Interval(lower=truth.start - rehearsal.begin, upper=truth.end - rehearsal.begin)
        # Two reports for one outage are one too many: the other one stays in `left` and counts as spurious.
        episode = next((one for one in left if _overlap(one, at)), None)
        if episode is not None:
            left.remove(episode)
        rows.append(_row(truth, at, episode, late))
    return Score(tuple(rows), len(left), rehearsal.accounted, rehearsal.not_sent, len(probes), rehearsal.cpu_share)


def _row(truth: Truth, at: Interval, episode: Episode | None, late: Sequence[float]) -> Row:
    if episode is None or episode.end is None:
        return Row(truth.name, at.width, None, start_inside=False, end_inside=False, beside_late=False)
    return Row(
        truth.name,
        at.width,
        episode.duration,
        start_inside=episode.start.lower <= at.lower <= episode.start.upper,
        end_inside=episode.end.lower <= at.upper <= episode.end.upper,
        beside_late=any(_near(due, edge) for due in late for edge in (episode.start, episode.end)),
    )


def _late(probe: ProbeSample) -> bool:
    return probe.sent is None or probe.sent - probe.due > LATE_S


def _near(due: float, edge: Interval) -> bool:
    return edge.lower - PERIOD_S <= due <= edge.upper + PERIOD_S


def _overlap(episode: Episode, at: Interval) -> bool:
    ends = episode.end.upper if episode.end else float("inf")
    return episode.start.lower <= at.upper and at.lower <= ends


def show(total: Score, console: Console) -> None:
    """Print the table, one line per kind of outage, and what it comes to."""
    table = Table(box=None, pad_edge=False)
    table.add_column("outage")
    for heading in ("n", "truth inside", "start", "end", "widest", "off p50", "off p95"):
        table.add_column(heading, justify="right")
    for name in sorted({row.name for row in total.rows}):
        _add(table, name, [row for row in total.rows if row.name == name])
    _add(table, "all", total.rows)
    console.print(table)
    console.print(
        f"{total.accounted:.2%} of {total.scheduled} scheduled probes accounted for, {total.not_sent} not sent; "
        f"{total.spurious} reports of outages that never were; the observer used {total.cpu_share:.1%} of one core"
    )
    beside = sum(row.beside_late for row in total.rows)
    console.print(
        f"{beside} of {len(total.rows)} intervals lie beside a probe that the observer could not send in time; they "
        "are wider by that, and the promise of width is not theirs"
    )
    for promise in total.missed:
        console.print(f"MISSED: {promise}", style="red")


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
