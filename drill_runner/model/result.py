"""What a run means: `result.json`, versioned, documented by the JSON Schema made from these classes."""

from enum import StrEnum
from typing import Literal

from pydantic import Field

from drill_runner.model.base import Interval, data
from drill_runner.model.plan import Phase
from drill_runner.model.record import Delay
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
    judged: bool = True
    """False: the drill did not take place as written, so that the numbers say nothing about the promise."""


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
class StreamLevel:
    """Service level of the longer, streamed answers."""

    scheduled: int
    good: int
    """Whole, right, begun in time, and at the promised pace where one is promised."""
    by_outcome: dict[Outcome, int]
    ttft_ms: Percentiles | None
    itl_ms: Percentiles | None
    """From one token to the next; its count is of gaps. None: no stream had two tokens."""
    tokens_per_s: float | None
    """Median over the streams that came whole, each from its first token to its last."""
    goodput: float | None
    """Good ones among those that were sent."""
    error_rate: float | None
    """Those without a whole answer among those that were sent."""


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
    error_rate: float | None = None
    """Probes without a whole answer among those that were sent."""
    wrong_share: float | None = None
    """Wrong answers among the whole ones, of probes and streams together."""
    streams: StreamLevel | None = None
    """None: no stream was due."""


@data
class Disagreement:
    """When one replica answered otherwise than the golden answers. Seconds since the start of the observer."""

    replica: str | None
    """None: nobody says who answered."""
    start: Interval
    """Between the last right answer before and the first wrong one."""
    end: Interval | None
    """Between the last wrong answer and the first right one after it. None: it gave none."""
    wrong: int
    of: int
    """All of its answers to requests sent in that time."""


class Fate(StrEnum):
    """What became of a request that was open when the fault took hold."""

    FINISHED = "finished"
    CUT = "cut"
    """It broke off, or its connection did before an answer began."""
    HUNG = "hung"
    WRONG = "wrong"
    TOO_SLOW = "too_slow"
    REFUSED = "refused"
    """It was answered with an error."""
    UNKNOWN = "unknown"
    """The observer was stopped before it ended."""


@data
class OpenRequest:
    """One request in flight."""

    kind: Literal["probe", "stream"]
    seq: int
    fate: Fate
    surely: bool
    """Open all through the time in which the fault took hold; else it may have ended before, or begun after."""
    replica: str | None
    """Who answered in the end."""
    retries: int | None
    """How often the load balancer sent it again. None: it does not say."""
    error: str | None = None


@data
class InFlight:
    """All requests in flight."""

    fates: dict[Fate, int]
    surely: int
    retried: int | None
    """Sent again by the load balancer, so that two engines may have worked on it. None: there is no evidence."""
    requests: tuple[OpenRequest, ...]


@data
class FailedRequest:
    """One probe or stream that was sent and not answered as it should be."""

    kind: Literal["probe", "stream"]
    seq: int
    due_s: float
    """Seconds since the start of the observer."""
    seconds: float
    """From then to its end."""
    outcome: Outcome
    replica: str | None
    """Who answered, if anybody did and the load balancer says who."""
    status: int | None
    """HTTP status, if one came."""
    error: str | None


@data
class Cause:
    """All requests that failed in one way. Instants are seconds since the start of the observer."""

    outcome: Outcome
    requests: int
    request_seconds: float
    first_s: float
    """When the first of them was due."""
    last_s: float


@data
class Losses:
    """What clients lost in all of the run."""

    requests: tuple[FailedRequest, ...]
    """Every one, in the order in which they were due."""
    request_seconds: float
    """For so long clients waited in vain, all together."""
    causes: tuple[Cause, ...]
    longest_gap_s: float | None
    """The longest time in which no probe got a good answer. None: none ever did."""


@data
class PhaseSpan:
    """When a stage ran. Seconds since the start of the observer."""

    phase: Phase
    start_s: float
    end_s: float | None
    problem: str | None = None


MarkName = Literal[
    "effect",
    "first_failure",
    "detected",
    "recovery_started",
    "weights_verified",
    "process_started",
    "model_loaded",
    "first_token",
    "restored",
    "replica_back",
    "whole",
    "postconditions_passed",
]
"""In the order in which they usually come."""


@data
class Mark:
    """Something that happened at an instant, with its bound. Seconds since the start of the observer."""

    name: MarkName
    instant: Interval | None
    """None: there is no evidence of it, and it is not guessed."""
    since_effect: Interval | None
    evidence: str


@data
class Stretch:
    """From one mark to the next one that there is evidence of. Durations of a run's stretches follow on each other."""

    after: MarkName
    until: MarkName
    duration: Interval
    """Seconds; from nothing where the two may have come at the same time, or in the other order."""


@data
class RecoveryPoint:
    """How old one kind of data is on one host, now that it was restored."""

    host: str
    kind: str
    """As the host's backups name it: weights, configuration, …"""
    declared_s: float
    """RPO: how much the host's own settings allow to be lost."""
    actual: Interval | None
    """RPA, in seconds: from the instant to which the data goes back until the effect. None: no clock to tell by."""
    met: bool | None
    """None: the interval holds what was declared, or there is none."""
    marker: int
    """Number of the newest marker that was found in the restored data."""
    snapshot: str


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
    disagreement: tuple[Disagreement, ...] = ()
    in_flight: InFlight | None = None
    """None: nothing was shown to take hold, or an older result."""
    losses: Losses | None = None
    """None: an older result."""
    phases: tuple[PhaseSpan, ...]
    marks: tuple[Mark, ...]
    stretches: tuple[Stretch, ...] = ()
    """Where the time went. Empty: no effect was shown, or an older result."""
    recovery_points: tuple[RecoveryPoint, ...] = ()
    """Of every kind of data that was restored since the effect. Empty: none was, or an older result."""
    checks: tuple[CheckResult, ...]
    faults: dict[str, tuple[str, ...]]
    """Targets by fault."""
    delay: Delay | None = None
    """How long the fault waited once steady state held, where that was drawn (`run --repeat`)."""
    versions: dict[str, str]
