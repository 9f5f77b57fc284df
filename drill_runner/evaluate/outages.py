"""When the service was bad, as intervals that contain the truth: what a probe proves, and nothing more.

A request is open from `sent` to its end, and tells that the service was good, or bad, at *some* instant in between.

Start of an outage:

- The last good request before it was served, so the service was good when that was sent or later:
  the start is not before **the last good one's `sent`**.
- A failed request proves that the service was bad by the request's end, so the start is not after **the earliest end
  of the failed ones**. Requests that were open when the fault struck fail though they were sent before it; this holds
  for them too. A failure that took long proves more: a good service would have answered within its usual time, so it
  was bad by **`sent + usual`**. That bounds a hang, which shows only at its timeout. (Long: twice the usual time.)

End of an outage:

- A failed request was sent to a bad service. It may fail (a timeout) or be answered (too late) long after the service
  is back, so only its `sent` counts: the end is not before **the last failed one's `sent`**.
- The first of N good in a row was answered: the end is not after **the earliest first token of those N**.
- A service that was frozen answers everything it held when it thaws: answers that come at once though their requests
  were sent one after another. When the last failed request that was answered at all and the first good one are in one
  such train, all in it waited for the same instant, and the end is not before **the train's first answer less twice
  the usual time**.

The usual time is the 95th percentile (nearest rank) of `first_token - sent` over the run's good probes: high enough to
bound nearly every answer, low enough that the good answers of a thawing service do not set it. N is the drill's
`good_in_a_row`; fewer good ones inside an outage do not end it. A probe that was not sent proves nothing: it neither
starts nor ends an outage, and leaves a wider interval. docs/measuring.md has the error of all this against known
outages.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from drill_runner.evaluate.numbers import nearest_rank
from drill_runner.model.base import Interval
from drill_runner.model.result import Episode
from drill_runner.model.sample import ObserverStarted, Outcome, ProbeSample, Sample

USUAL_SHARE = 0.95
SLACK = 2.0


def outages(samples: Iterable[Sample], good_in_a_row: int) -> tuple[Episode, ...]:
    """Every outage in `samples`, whatever their order, first one first."""
    samples = tuple(samples)
    probes = probes_of(samples)
    begin = start_of(samples)
    usual = usual_time(probes)
    return tuple(_episode(run, begin, usual) for run in _runs(probes, good_in_a_row))


def probes_of(samples: Iterable[Sample]) -> tuple[ProbeSample, ...]:
    """The probes in the order of the schedule; a line that is there twice counts once."""
    probes = {sample for sample in samples if isinstance(sample, ProbeSample)}
    return tuple(sorted(probes, key=lambda probe: (probe.seq, probe.due, probe.end, repr(probe))))


def start_of(samples: Iterable[Sample]) -> float:
    """The instant that instants of a result count from: the observer's start, or what comes nearest to it."""
    samples = tuple(samples)
    started = [sample.at for sample in samples if isinstance(sample, ObserverStarted)]
    dues = [sample.due for sample in samples if isinstance(sample, ProbeSample)]
    return min(started or dues or [0.0])


def usual_time(probes: Iterable[ProbeSample]) -> float | None:
    """In how many seconds a good service answers; None if it never did."""
    times = sorted(_first_token(probe) - _sent(probe) for probe in probes if probe.outcome is Outcome.OK)
    return max(0.0, nearest_rank(times, USUAL_SHARE)) if times else None


@dataclass(frozen=True)
class _Run:
    """The probes that make one outage."""

    last_good: ProbeSample | None
    bad: Sequence[ProbeSample]
    good: Sequence[ProbeSample]
    """The N good in a row that end it; empty if it did not end."""


def _runs(probes: Sequence[ProbeSample], good_in_a_row: int) -> Iterator[_Run]:
    last_good: ProbeSample | None = None
    bad: list[ProbeSample] = []
    good: list[ProbeSample] = []
    for probe in probes:
        if probe.outcome is Outcome.NOT_SENT:
            continue
        if probe.outcome is not Outcome.OK:
            bad.append(probe)
            good = []
            continue
        good.append(probe)
        if not bad:
            last_good = probe
        elif len(good) >= good_in_a_row:
            yield _Run(last_good, bad, good)
            last_good, bad = probe, []
    if bad:
        yield _Run(last_good, bad, ())


def _episode(run: _Run, begin: float, usual: float | None) -> Episode:
    start = _start(run, begin, usual)
    end = _end(run, usual)
    return Episode(
        start=_shift(start, begin),
        end=_shift(end, begin) if end else None,
        duration=end.since(start) if end else None,
        failed=len(run.bad),
        by_outcome=dict(sorted(Counter(probe.outcome for probe in run.bad).items())),
    )


def _start(run: _Run, begin: float, usual: float | None) -> Interval:
    lower = _sent(run.last_good) if run.last_good else begin
    upper = min(_bad_by(probe, usual) for probe in run.bad)
    return Interval(lower=min(lower, upper), upper=upper)


def _bad_by(failed: ProbeSample, usual: float | None) -> float:
    """By when a failed request proves that the service was bad."""
    if usual is None or failed.end - _sent(failed) <= SLACK * usual:
        return failed.end
    return _sent(failed) + usual


def _end(run: _Run, usual: float | None) -> Interval | None:
    if not run.good or usual is None:
        return None
    upper = min(_first_token(probe) for probe in run.good)
    lower = max(_sent(probe) for probe in run.bad)
    released = _released(run, usual)
    if released is not None:
        lower = max(lower, released - SLACK * usual)
    return Interval(lower=min(lower, upper), upper=upper)


def _released(run: _Run, usual: float) -> float | None:
    """First answer of the train in which held requests were answered, if they were."""
    answered = [probe for probe in run.bad if probe.first_token is not None]
    if not answered:
        return None
    late = [probe for probe in (*answered, *run.good) if _first_token(probe) - _sent(probe) > usual]
    for train in _trains(sorted(late, key=_first_token), usual):
        if run.good[0] in train and answered[-1] in train:
            return _first_token(train[0])
    return None


def _trains(late: Sequence[ProbeSample], gap_s: float) -> Iterator[Sequence[ProbeSample]]:
    """Split at every gap between answers that is longer than `gap_s`."""
    train: list[ProbeSample] = []
    for probe in late:
        if train and _first_token(probe) - _first_token(train[-1]) > gap_s:
            yield train
            train = []
        train.append(probe)
    if train:
        yield train


def _shift(interval: Interval, begin: float) -> Interval:
    return Interval(lower=interval.lower - begin, upper=interval.upper - begin)


def _sent(probe: ProbeSample) -> float:
    return probe.due if probe.sent is None else probe.sent


def _first_token(probe: ProbeSample) -> float:
    return probe.end if probe.first_token is None else probe.first_token
