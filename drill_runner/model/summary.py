"""What many runs mean together: `summary.json` of a repeated drill, a comparison, the past of each drill."""

from enum import StrEnum
from typing import Literal

from pydantic import Field

from drill_runner.model.base import Interval, Name, Seconds, data
from drill_runner.model.result import Measured, Verdict

SUMMARY_VERSION = 1

Unit = Literal["s", "ms", "requests", "share"]


@data
class RunRow:
    """What remains of a result when it stands beside others."""

    run_id: str
    drill: str
    started_utc: str
    verdict: Verdict
    why: str
    """The first reason."""
    sound: bool
    """Its numbers can be believed. Only such runs are counted with."""
    measured: tuple[Measured, ...]


@data
class Spread:
    """One quantity over the sound runs of a repeated drill."""

    name: str
    unit: Unit
    runs: int
    """Sound runs."""
    unknown: int
    """Of these, the ones in which it could not be known. They count as worse than every known one."""
    median: Interval | None
    """Between the median of the lower ends and that of the upper ones."""
    worst: Interval | None
    """None: unknown in some run, which may be the worst."""
    ci95_middles: Interval | None
    """95 % confidence interval of the median of the intervals' middles, by percentile bootstrap."""
    ci95: Interval | None
    """The same, careful: its lower end from the lower ends, its upper end from the upper ones."""


@data
class Summary:
    """A drill that was run many times, each time at a moment that was drawn at random."""

    version: int = Field(default=SUMMARY_VERSION, ge=1)
    id: str = Field(pattern=r"^[0-9]{8}T[0-9]{6}Z-[a-z0-9_]+-x[0-9]+$")
    """Also the folder's name."""
    drill: Name
    summary: str
    wanted: int = Field(ge=1)
    """So many runs were asked for."""
    stopped: str | None
    """Why there are fewer; None if there are not."""
    seed: int
    span_s: Seconds
    """Each fault waited for a time drawn evenly from nothing to this."""
    verdict: Verdict
    """The worst: failed before inconclusive before passed."""
    runs: tuple[RunRow, ...]
    spreads: tuple[Spread, ...]


class Judgement(StrEnum):
    """How B stands to A."""

    BETTER = "better"
    WORSE = "worse"
    SAME = "same"
    """Within the noise: nothing says that they differ."""
    UNKNOWN = "unknown"


@data
class Side:
    """What is compared: one run, or a repeated drill."""

    id: str
    drill: str
    runs: int
    sound: int
    failed: int
    """Sound runs with the verdict failed."""


@data
class Compared:
    """One quantity of A beside B's."""

    name: str
    unit: Unit
    a: Interval | None
    """Where A's true value may lie: a single run's with its noise, or a 95 % confidence interval of the median."""
    b: Interval | None
    difference: Interval | None
    """Confidence interval of B's median less A's, 95 % for all quantities at once; None unless both were repeated."""
    judgement: Judgement


@data
class OneSided:
    """A quantity that only one side has: it watched streams and the other did not, or is another kind of run."""

    name: str
    unit: Unit
    value: Interval | None
    """As `a` and `b` of a quantity that both have. None: not known there either."""


@data
class Comparison:
    """A, the baseline, against B, the candidate."""

    version: int = Field(default=SUMMARY_VERSION, ge=1)
    a: Side
    b: Side
    verdicts: Judgement
    """Whether B fails more than A does."""
    quantities: tuple[Compared, ...]
    """Those that both sides have."""
    only_in_a: tuple[OneSided, ...] = ()
    """What A knows of these cannot be held against B, so that nothing but worse can be told."""
    only_in_b: tuple[OneSided, ...] = ()
    """There is no baseline that B could be worse than: they decide nothing."""
    judgement: Judgement
    """Worse if anything is worse; else unknown if a side or a quantity cannot be judged; else better, or the same."""
    notes: tuple[str, ...]


@data
class Past:
    """The last runs of one drill, the oldest first."""

    drill: str
    runs: tuple[RunRow, ...]
    trends: dict[str, Judgement]
    """By quantity: the newest sound run against the span of the sound ones before it."""


@data
class Pasts:
    """The past of each drill, in the order of their names."""

    version: int = Field(default=SUMMARY_VERSION, ge=1)
    drills: tuple[Past, ...]
