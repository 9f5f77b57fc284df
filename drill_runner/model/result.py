"""What a run means: `result.json`, versioned, documented by the JSON Schema made from these classes."""

from enum import StrEnum
from typing import Literal

from pydantic import Field

from drill_runner.model.base import Interval, data
from drill_runner.model.plan import Phase
from drill_runner.model.sample import Outcome

RESULT_VERSION = 1


class Verdict(StrEnum):
    """The answer."""

    PASSED = "passed"
    FAILED = "failed"
    INCONCLUSIVE = "inconclusive"


@data
class Reason:
    """Why the verdict is what it is. Listed in order of weight."""

    verdict: Verdict
    """The verdict that this alone would give."""
    text: str


@data
class ObjectiveResult:
    """A promise and what became of it."""

    name: str
    unit: Literal["s", "ms", "requests", "share"]
    objective: float
    actual: Interval | None
    """None: could not be known."""
    met: bool | None
    """None: the interval holds the objective, or there is no actual."""


@data
class Measured:
    """One quantity that runs can be compared by, whether or not anything was promised about it."""

    name: str
    unit: Literal["s", "ms", "requests", "share"]
    actual: Interval | None
    """The true value of this run is in it. None: could not be known."""
    noise: Interval | None
    """Where another run of the same service may lie by the chance of sampling alone; never narrower than `actual`."""


@data
class Episode:
    """One outage from the client's place. Instants count from the start of the observer."""

    start: Interval
    end: Interval | None
    """None: it had not ended when the watching did."""
    duration: Interval | None
    """RTA: [last good, first bad] to [last bad, first of N good in a row]."""
    failed: int
    by_outcome: dict[Outcome, int]


@data
class Percentiles:
    """Of one set of durations, in milliseconds, by the nearest-rank method."""

    count: int
    p50: float
    p95: float
    p99: float
    max: float


@data
class Window:
    """Service level in one part of the run."""

    name: Literal["before", "during", "after", "all"]
    scheduled: int
    good: int
    by_outcome: dict[Outcome, int]
    by_replica: dict[str, int]
    """Good answers by who gave them."""
    ttft_ms: Percentiles | None
    """None: nothing was answered."""


@data
class PhaseSpan:
    """When a stage ran. Seconds since the start of the observer."""

    phase: Phase
    start_s: float
    end_s: float | None
    problem: str | None = None


@data
class Mark:
    """Something that happened at an instant, with its bound. Seconds since the start of the observer."""

    name: Literal["effect", "first_failure", "detected", "recovery_started", "restored", "replica_back", "whole"]
    instant: Interval | None
    """None: there is no evidence of it, and it is not guessed."""
    since_effect: Interval | None
    evidence: str


@data
class CheckResult:
    """One testinfra check."""

    phase: Phase
    check: str
    name: str
    outcome: Literal["passed", "failed", "broken"]
    seconds: float
    message: str | None = None


@data
class Result:
    """The whole answer. The same folder gives the same result, byte for byte."""

    version: int = Field(default=RESULT_VERSION)
    run_id: str
    drill: str
    summary: str
    started_utc: str
    verdict: Verdict
    reasons: tuple[Reason, ...]
    sound: bool | None = None
    """The run took place as written and its measuring can be trusted, whatever it found. None: an older result."""
    objectives: tuple[ObjectiveResult, ...]
    measured: tuple[Measured, ...] = ()
    episodes: tuple[Episode, ...]
    windows: tuple[Window, ...]
    phases: tuple[PhaseSpan, ...]
    marks: tuple[Mark, ...]
    checks: tuple[CheckResult, ...]
    faults: dict[str, tuple[str, ...]]
    """Targets by fault."""
    versions: dict[str, str]
