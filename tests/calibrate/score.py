"""How far off the reported times were, and whether that is what was promised."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

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
    def inside(self) -> float:
        """Share of the outages whose true length is in the reported interval."""
        return sum(row.inside for row in self.rows) / len(self.rows)

    @property
    def widest_s(self) -> float:
        """Of all reported intervals."""
        return _widest(self.rows)

    @property
    def widest_in_time_s(self) -> float:
        """Of those that no late probe made wider."""
        return _widest([row for row in self.rows if not row.beside_late])

    @property
    def beside_late(self) -> int:
        """How many intervals lie beside a probe that was late, or not sent at all."""
        return sum(row.beside_late for row in self.rows)

    @property
    def off_p95_s(self) -> float:
        """95 % of the midpoints are no further off."""
        return nearest_rank(sorted(row.off_s for row in self.rows), 0.95)

    @property
    def missed(self) -> bool:
        """Whether any target was."""
        return not all(target.met(self) for target in TARGETS)


def _widest(rows: Sequence[Row]) -> float:
    return max((row.reported.width for row in rows if row.reported), default=0.0)


@dataclass(frozen=True)
class Target:
    """What was promised, and how to say what was measured."""

    name: str
    promised: str
    measured: Callable[[Score], str]
    met: Callable[[Score], bool]


TARGETS = (
    Target(
        "true length inside the reported interval",
        f"at least {COVERED_AT_LEAST * 100:.0f} %",
        lambda one: f"{one.inside * 100:.1f} % of {len(one.rows)}",
        lambda one: one.inside >= COVERED_AT_LEAST,
    ),
    Target(
        "widest interval",
        f"two periods + 20 ms = {WIDTH_AT_MOST_S * 1000:.0f} ms",
        lambda one: f"{one.widest_s * 1000:.1f} ms",
        lambda one: one.widest_s <= WIDTH_AT_MOST_S,
    ),
    Target(
        "distance of the midpoint from the truth, p95",
        f"at most {MIDPOINT_P95_AT_MOST_S * 1000:.0f} ms",
        lambda one: f"{one.off_p95_s * 1000:.1f} ms",
        lambda one: one.off_p95_s <= MIDPOINT_P95_AT_MOST_S,
    ),
    Target(
        "scheduled probes and streams accounted for",
        "100 %",
        lambda one: f"{one.accounted * 100:.2f} % of {one.scheduled}",
        lambda one: one.accounted == 1,
    ),
    Target("outages reported that never were", "0", lambda one: str(one.spurious), lambda one: not one.spurious),
    Target(
        "the observer's share of a core",
        f"at most {CPU_AT_MOST * 100:.0f} %",
        lambda one: f"{one.cpu_share * 100:.1f} %",
        lambda one: one.cpu_share <= CPU_AT_MOST,
    ),
)


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
    return Score(
        tuple(rows), len(left), rehearsal.accounted, rehearsal.not_sent, rehearsal.scheduled, rehearsal.cpu_share
    )


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
