"""The level of service a client had, in parts of a run."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Literal

from drill_runner.evaluate.answers import wrong_share
from drill_runner.evaluate.numbers import percentiles
from drill_runner.evaluate.streams import ERRORS, is_good, level
from drill_runner.model.base import data
from drill_runner.model.result import Window
from drill_runner.model.sample import ObserverStopped, Outcome, ProbeSample, Sample, StreamSample

Request = ProbeSample | StreamSample


@data
class Tally:
    """Where every scheduled request went."""

    scheduled: int
    good: int
    failed: int
    not_sent: int
    missing: int
    """Scheduled, and without a line."""
    twice: int
    """Lines for a request that has another one."""

    @property
    def unknown(self) -> int:
        """Requests of which nobody can say whether they would have been good."""
        return self.not_sent + self.missing


def tally(probes: Sequence[ProbeSample], samples: Iterable[Sample]) -> Tally:
    """Count `probes` against the schedule that the observer's last line claims, or that their numbers imply."""
    claimed = [sample.scheduled for sample in samples if isinstance(sample, ObserverStopped)]
    return _tally(probes, claimed, sum(probe.outcome is Outcome.OK for probe in probes))


def stream_tally(streams: Sequence[StreamSample], samples: Iterable[Sample], itl_ms: float | None) -> Tally:
    """The same of streams; a good one keeps to `itl_ms` from token to token, where that is promised."""
    claimed = [sample.streams_scheduled for sample in samples if isinstance(sample, ObserverStopped)]
    return _tally(streams, claimed, sum(is_good(stream, itl_ms) for stream in streams))


def _tally(requests: Sequence[Request], claimed: Sequence[int], good: int) -> Tally:
    seqs = {request.seq for request in requests}
    scheduled = max([*claimed, *(seq + 1 for seq in seqs)], default=0)
    not_sent = sum(request.outcome is Outcome.NOT_SENT for request in requests)
    return Tally(
        scheduled=scheduled,
        good=good,
        failed=len(requests) - good - not_sent,
        not_sent=not_sent,
        missing=scheduled - len(seqs),
        twice=len(requests) - len(seqs),
    )


def windows(
    probes: Sequence[ProbeSample],
    streams: Sequence[StreamSample],
    effect: float | None,
    whole: float | None,
    itl_ms: float | None,
) -> tuple[Window, ...]:
    """Before, during and after the fault, by when a request was due, and all of it.

    Args:
        probes: in the order of the schedule.
        streams: in the order of theirs.
        effect: the instant from which the fault may have been in effect; None: it never was.
        whole: the instant from which everything was back; None: it never was.
        itl_ms: what is promised from token to token, if anything.
    """
    ever = float("inf")

    def part(name: Literal["before", "during", "after", "all"], start: float, end: float) -> Window:
        return _window(
            name,
            [probe for probe in probes if start <= probe.due < end],
            [stream for stream in streams if start <= stream.due < end],
            itl_ms,
        )

    everything = part("all", -ever, ever)
    if effect is None:
        return (everything,)
    end = ever if whole is None else max(effect, whole)
    return part("before", -ever, effect), part("during", effect, end), part("after", end, ever), everything


def _window(
    name: Literal["before", "during", "after", "all"],
    probes: Sequence[ProbeSample],
    streams: Sequence[StreamSample],
    itl_ms: float | None,
) -> Window:
    sent = [probe for probe in probes if probe.outcome is not Outcome.NOT_SENT]
    good = [probe for probe in probes if probe.outcome is Outcome.OK]
    return Window(
        name=name,
        scheduled=len(probes),
        good=len(good),
        by_outcome=dict(sorted(Counter(probe.outcome for probe in probes).items())),
        by_replica=dict(sorted(Counter(probe.replica for probe in good if probe.replica is not None).items())),
        ttft_ms=percentiles([ttft_ms(probe) for probe in probes if probe.first_token is not None]),
        error_rate=sum(probe.outcome in ERRORS for probe in sent) / len(sent) if sent else None,
        wrong_share=wrong_share([*probes, *streams]),
        streams=level(streams, itl_ms),
    )


def ttft_ms(probe: ProbeSample) -> float:
    """From when it was due to its first token; to its end if it never had one."""
    return ((probe.end if probe.first_token is None else probe.first_token) - probe.due) * 1000
