"""Promises against what was measured. An interval that holds the objective decides nothing."""

from collections.abc import Iterator, Sequence
from typing import Literal

from drill_runner.evaluate.history import History
from drill_runner.evaluate.marks import drilled
from drill_runner.evaluate.numbers import nearest_rank
from drill_runner.evaluate.service import Tally, ttft_ms
from drill_runner.model.base import Interval
from drill_runner.model.result import Episode, Mark, ObjectiveResult
from drill_runner.model.sample import Outcome, ProbeSample

Unit = Literal["s", "ms", "requests", "share"]


def objectives(
    history: History, probes: Sequence[ProbeSample], counts: Tally, episodes: Sequence[Episode], marks: Sequence[Mark]
) -> tuple[ObjectiveResult, ...]:
    """The drill's objectives in the order of its own documentation; none without a plan."""
    if history.plan is None:
        return ()
    asked, timeout_ms = history.plan.drill.objectives, history.plan.drill.probe.timeout_s * 1000
    since = {mark.name: mark.since_effect for mark in marks}
    rows: tuple[tuple[str, Unit, float | None, Interval | None], ...] = (
        ("rto_s", "s", asked.rto_s, recovery_time(drilled(history, episodes)) if probes else None),
        ("replica_rto_s", "s", asked.replica_rto_s, since["replica_back"]),
        ("detect_s", "s", asked.detect_s, since["detected"]),
        ("failed_requests", "requests", asked.failed_requests, _failed(counts)),
        ("availability", "share", asked.availability, _availability(counts)),
        ("ttft_p99_ms", "ms", asked.ttft_p99_ms, _ttft_p99_ms(probes, timeout_ms)),
    )
    return tuple(_judged(rows))


def recovery_time(episodes: Sequence[Episode]) -> Interval | None:
    """From the first failure a client saw to the last outage's end; nothing if no probe failed, None if no end came."""
    if not episodes:
        return Interval(lower=0.0, upper=0.0)
    end = episodes[-1].end
    return end.since(episodes[0].start) if end else None


def _failed(counts: Tally) -> Interval | None:
    """A probe that was not sent, or has no line, may have failed or not."""
    return Interval(lower=counts.failed, upper=counts.failed + counts.unknown) if counts.scheduled else None


def _availability(counts: Tally) -> Interval | None:
    if not counts.scheduled:
        return None
    return Interval(lower=counts.good / counts.scheduled, upper=(counts.good + counts.unknown) / counts.scheduled)


def _ttft_p99_ms(probes: Sequence[ProbeSample], timeout_ms: float) -> Interval | None:
    """Nearest rank over every probe that was sent. One without a first token waited for ever: it counts as a timeout.

    Leaving those out would make a service that refuses half of its requests a fast one.
    """
    waited = sorted(
        timeout_ms if probe.first_token is None else ttft_ms(probe)
        for probe in probes
        if probe.outcome is not Outcome.NOT_SENT
    )
    if not waited:
        return None
    worst = max(0.0, nearest_rank(waited, 0.99))
    return Interval(lower=worst, upper=worst)


def _judged(rows: Sequence[tuple[str, Unit, float | None, Interval | None]]) -> Iterator[ObjectiveResult]:
    for name, unit, objective, actual in rows:
        if objective is not None:
            at_least = name == "availability"
            met = None if actual is None else holds(actual, objective, at_least=at_least)
            yield ObjectiveResult(name=name, unit=unit, objective=objective, actual=actual, met=met)


def holds(actual: Interval, objective: float, *, at_least: bool = False) -> bool | None:
    """Whether all of `actual` is on the right side of `objective`; None if the objective is inside it."""
    if at_least:
        return True if actual.lower >= objective else False if actual.upper < objective else None
    return True if actual.upper <= objective else False if actual.lower > objective else None
