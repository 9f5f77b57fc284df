"""The quantities that runs are judged and compared by, each with its bounds and with the noise of sampling."""

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Literal

from drill_runner.evaluate.history import History
from drill_runner.evaluate.marks import drilled, lagging
from drill_runner.evaluate.numbers import nearest_rank
from drill_runner.evaluate.recovery_points import worst
from drill_runner.evaluate.service import Tally, stream_tally, ttft_ms
from drill_runner.evaluate.streams import Lag, gaps_ms, promised_itl_ms, streams_of
from drill_runner.model.base import Interval
from drill_runner.model.drill import ProbePlan
from drill_runner.model.plan import Watch
from drill_runner.model.result import Episode, Mark, Measured, RecoveryPoint
from drill_runner.model.sample import Outcome, ProbeSample

Unit = Literal["s", "ms", "requests", "share"]

SURE = 1.96
"""Standard deviations on either side that hold 95 % of a normal distribution."""
EDGE_PROBES = 2
"""So many more or fewer probes meet an outage, depending on where between two of them it begins and ends."""


def measured(
    history: History,
    probes: Sequence[ProbeSample],
    counts: Tally,
    episodes: Sequence[Episode],
    marks: Sequence[Mark],
    *,
    points: Sequence[RecoveryPoint] = (),
) -> tuple[Measured, ...]:
    """Every quantity, in the order of the objectives; a drill's own only where there was a drill."""
    plan = history.plan
    failed, availability = failed_requests(counts), _availability(counts)
    chance = chance_of_failed(failed, len(episodes))
    ttft, ttft_chance = _ttft_p99_ms(probes, (plan.probe if plan else ProbePlan()).timeout_s * 1000)
    since = {mark.name: mark.since_effect for mark in marks}
    rto = (
        None
        if not probes
        else longest(episodes)
        if isinstance(plan, Watch)
        else recovery_time(drilled(history, episodes), lagging(history, episodes))
    )
    streams = streams_of(history.samples)
    streamed = stream_tally(streams, history.samples, promised_itl_ms(history))
    itl, itl_chance = _p99(gaps_ms(streams))
    of_a_drill: tuple[tuple[str, Unit, Interval | None, Interval | None], ...] = (
        ("replica_rto_s", "s", since.get("replica_back"), since.get("replica_back")),
        ("detect_s", "s", since.get("detected"), since.get("detected")),
        ("rpo_s", "s", worst(points), worst(points)),
    )
    rows: tuple[tuple[str, Unit, Interval | None, Interval | None], ...] = (
        ("rto_s", "s", rto, rto),
        *(() if isinstance(plan, Watch) else of_a_drill),
        ("failed_requests", "requests", failed, chance),
        ("availability", "share", availability, _share(chance, counts)),
        ("ttft_p99_ms", "ms", ttft, ttft_chance),
        ("itl_p99_ms", "ms", itl, itl_chance),
        (
            "goodput_min",
            "share",
            _availability(streamed),
            _share(chance_of_failed(failed_requests(streamed), 0), streamed),
        ),
    )
    return tuple(Measured(name=name, unit=unit, actual=actual, noise=noise) for name, unit, actual, noise in rows)


def recovery_time(episodes: Sequence[Episode], lag: Lag | None = None) -> Interval | None:
    """From the first failure a client saw to the last outage's end, or until streams were within the service level.

    Nothing if nothing failed, None if no end came.
    """
    if not episodes and lag is None:
        return Interval(lower=0.0, upper=0.0)
    start = episodes[0].start if episodes else lag.start if lag else None
    end = lag.end if lag else episodes[-1].end
    return end.since(start) if start and end else None


def longest(episodes: Sequence[Episode]) -> Interval | None:
    """The longest outage: without a drill, outages have nothing to do with each other. None if one was not over."""
    lengths = list(_lengths(episodes))
    if len(lengths) < len(episodes):
        return None
    return Interval(
        lower=max((one.lower for one in lengths), default=0.0), upper=max((one.upper for one in lengths), default=0.0)
    )


def _lengths(episodes: Sequence[Episode]) -> Iterator[Interval]:
    return (episode.duration for episode in episodes if episode.duration is not None)


def failed_requests(counts: Tally) -> Interval | None:
    """A probe that was not sent, or has no line, may have failed or not."""
    return Interval(lower=counts.failed, upper=counts.failed + counts.unknown) if counts.scheduled else None


def chance_of_failed(failed: Interval | None, outages: int) -> Interval | None:
    """Where the count of another run may lie: an outage's edges fall between probes, a bad replica meets some."""
    if failed is None:
        return None
    edges = EDGE_PROBES * outages
    return Interval(
        lower=max(0.0, failed.lower - edges - SURE * math.sqrt(failed.lower)),
        upper=failed.upper + edges + SURE * math.sqrt(failed.upper),
    )


def _availability(counts: Tally) -> Interval | None:
    if not counts.scheduled:
        return None
    return Interval(lower=counts.good / counts.scheduled, upper=(counts.good + counts.unknown) / counts.scheduled)


def _share(failed: Interval | None, counts: Tally) -> Interval | None:
    if failed is None:
        return None
    return Interval(
        lower=max(0.0, 1 - failed.upper / counts.scheduled), upper=max(0.0, 1 - failed.lower / counts.scheduled)
    )


def _ttft_p99_ms(probes: Sequence[ProbeSample], timeout_ms: float) -> tuple[Interval | None, Interval | None]:
    """Nearest rank over every probe that was sent.

    A probe without a first token waited for ever: it counts as a timeout. Leaving those out would make a service that
    refuses half of its requests a fast one.
    """
    return _p99(
        timeout_ms if probe.first_token is None else ttft_ms(probe)
        for probe in probes
        if probe.outcome is not Outcome.NOT_SENT
    )


def _p99(times_ms: Iterable[float]) -> tuple[Interval | None, Interval | None]:
    """By nearest rank, and its 95 % confidence interval by order statistics."""
    waited = sorted(times_ms)
    if not waited:
        return None, None
    share = 0.99
    off = SURE * math.sqrt(share * (1 - share) / len(waited))
    worst = max(0.0, nearest_rank(waited, share))
    return (
        Interval(lower=worst, upper=worst),
        Interval(
            lower=max(0.0, nearest_rank(waited, share - off)),
            upper=max(0.0, nearest_rank(waited, min(1.0, share + off))),
        ),
    )
