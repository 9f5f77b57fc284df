"""What the plot shows, as data: probes by outcome, the pool's states, phases and marks on one axis of seconds.

The axis starts at the fault's effect where there is one, else at the observer's start.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Literal

from pydantic import TypeAdapter

from drill_runner.model.base import data
from drill_runner.model.drill import ProbePlan
from drill_runner.model.plan import AnyPlan
from drill_runner.model.result import Result
from drill_runner.model.sample import ObserverStarted, Outcome, PoolSample, ProbeSample, Sample, StreamSample
from drill_runner.report import wording

LEAST_MS = 0.1
"""A logarithmic axis has no zero: what took less, or was never sent, is drawn here."""

PoolState = Literal["up", "down", "drain", "unknown"]

_POOL_STATES: dict[str, PoolState] = {
    "UP": "up",
    "NO CHECK": "up",
    "DOWN": "down",
    "NOLB": "drain",
    "DRAIN": "drain",
    "MAINT": "drain",
}
"""By the words of HAProxy's status before any counter: `UP 1/3` is still up."""


@data
class Series:
    """Every request of one kind that ended in one way. The lists run in parallel."""

    outcome: Outcome
    title: str
    at_s: list[float]
    took_ms: list[float]
    notes: list[str]
    """What hovering over one tells, beyond its time and latency."""


@data
class Band:
    """One server's state in the load balancer's pool, as long as it did not change."""

    server: str
    state: PoolState
    word: str
    """The load balancer's own word for it."""
    start_s: float
    end_s: float


@data
class PhaseBand:
    """A stage of the drill."""

    title: str
    start_s: float
    end_s: float
    problem: str | None


@data
class MarkLine:
    """An instant with its bound."""

    title: str
    lower_s: float
    upper_s: float
    evidence: str


@data
class Timeline:
    """All that the plot needs."""

    zero: Literal["effect", "start"]
    start_s: float
    end_s: float
    slo_ms: float
    timeout_ms: float
    series: tuple[Series, ...]
    """Of probes."""
    streams: tuple[Series, ...]
    servers: tuple[str, ...]
    bands: tuple[Band, ...]
    phases: tuple[PhaseBand, ...]
    marks: tuple[MarkLine, ...]

    def to_json(self) -> str:
        """For the page's script; safe inside a script element."""
        text = _TIMELINE.dump_json(self).decode()
        return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


_TIMELINE = TypeAdapter(Timeline)


def build(result: Result, samples: Sequence[Sample], plan: AnyPlan | None) -> Timeline:
    """The timeline of one run. Without an observer's first line there is nothing to count from, and it is empty."""
    started = next((sample.at for sample in samples if isinstance(sample, ObserverStarted)), None)
    effect = next((mark.instant.upper for mark in result.marks if mark.name == "effect" and mark.instant), None)
    zero = effect or 0.0
    origin = (started or 0.0) + zero
    probes = [sample for sample in samples if isinstance(sample, ProbeSample)]
    pools = [sample for sample in samples if isinstance(sample, PoolSample)]
    last = max((*(probe.end for probe in probes), *(pool.answered for pool in pools)), default=origin) - origin
    phases = tuple(_phases(result, zero, last))
    bands = tuple(_bands(pools, origin, last))
    asked = plan.probe if plan else ProbePlan()
    return Timeline(
        zero="start" if effect is None else "effect",
        start_s=_tidy(min((-zero, *(phase.start_s for phase in phases)))),
        end_s=_tidy(max((last, *(phase.end_s for phase in phases)))),
        slo_ms=asked.ttft_slo_ms,
        timeout_ms=asked.timeout_s * 1000,
        series=tuple(_series(probes, origin)),
        streams=tuple(_series([sample for sample in samples if isinstance(sample, StreamSample)], origin)),
        servers=tuple(sorted({band.server for band in bands})),
        bands=bands,
        phases=phases,
        marks=tuple(_marks(result, zero)),
    )


def _series(requests: Sequence[ProbeSample | StreamSample], origin: float) -> Iterator[Series]:
    for outcome in Outcome:
        those = [request for request in requests if request.outcome is outcome]
        if those:
            yield Series(
                outcome=outcome,
                title=wording.OUTCOME_TITLES[outcome],
                at_s=[_tidy(one.due - origin) for one in those],
                took_ms=[max(LEAST_MS, round((one.end - one.due) * 1000, 2)) for one in those],
                notes=[_note(one) for one in those],
            )


def _note(request: ProbeSample | StreamSample) -> str:
    parts = [f"{request.kind} {request.seq}"]
    if request.replica:
        parts.append(f"from {request.replica}")
    if request.first_token is not None:
        parts.append(f"first token {(request.first_token - request.due) * 1000:.1f} ms")
    if isinstance(request, StreamSample):
        parts.append(f"{request.tokens} tokens")
    if request.retries:
        parts.append(f"sent again {request.retries} times")
    if request.status not in (None, 200):
        parts.append(f"HTTP {request.status}")
    if request.answer is not None:
        parts.append(f"answered {request.answer[:80]!r}")
    if request.error:
        parts.append(request.error[:120])
    return ", ".join(parts)


def _bands(pools: Sequence[PoolSample], origin: float, last: float) -> Iterator[Band]:
    """Runs of the same state, each until the next look saw another. No answer is a state of its own: unknown."""
    servers = sorted({server for pool in pools for server in pool.servers})
    for server in servers:
        looks = [
            (pool.answered - origin, pool.servers[server])
            if server in pool.servers
            else (pool.asked - origin, "no answer")
            for pool in pools
        ]
        for (start, word), end in _runs(looks, last):
            state = _POOL_STATES.get(re.sub(r" (\d+/\d+|\(.*)$", "", word).upper(), "unknown")
            yield Band(server=server, state=state, word=word, start_s=_tidy(start), end_s=_tidy(end))


def _runs(looks: Iterable[tuple[float, str]], last: float) -> Iterator[tuple[tuple[float, str], float]]:
    current: tuple[float, str] | None = None
    for at, word in looks:
        if current is None:
            current = (at, word)
        elif word != current[1]:
            yield current, at
            current = (at, word)
    if current is not None:
        yield current, max(current[0], last)


def _phases(result: Result, zero: float, last: float) -> Iterator[PhaseBand]:
    for span in result.phases:
        end = last if span.end_s is None else span.end_s - zero
        start = span.start_s - zero
        yield PhaseBand(
            title=wording.title(span.phase, {}),
            start_s=_tidy(start),
            end_s=_tidy(max(start, end)),
            problem=span.problem,
        )


def _marks(result: Result, zero: float) -> Iterator[MarkLine]:
    for mark in wording.in_order(result.marks):
        if mark.instant is not None:
            yield MarkLine(
                title=wording.title(mark.name, wording.MARK_TITLES),
                lower_s=_tidy(mark.instant.lower - zero),
                upper_s=_tidy(mark.instant.upper - zero),
                evidence=mark.evidence,
            )


def _tidy(seconds: float) -> float:
    """A tenth of a millisecond is finer than any probe; more digits only make the page larger."""
    return round(seconds, 4)
