"""What a longer, streamed answer went through: when its tokens came, and whether it was within the service level."""

from collections import Counter
from collections.abc import Iterable, Sequence
from statistics import median

from drill_runner.evaluate.history import History
from drill_runner.evaluate.numbers import percentiles
from drill_runner.model.base import Interval, data
from drill_runner.model.result import StreamLevel
from drill_runner.model.sample import Outcome, Sample, StreamSample

ERRORS = frozenset({Outcome.HTTP_ERROR, Outcome.CONNECTION_ERROR, Outcome.TIMEOUT, Outcome.TRUNCATED})
"""No whole answer came. A wrong or a late one is bad too, and no error."""


def streams_of(samples: Iterable[Sample]) -> tuple[StreamSample, ...]:
    """The streams in the order of their schedule; a line that is there twice counts once."""
    streams = {sample for sample in samples if isinstance(sample, StreamSample)}
    return tuple(sorted(streams, key=lambda stream: (stream.seq, stream.due, stream.end, repr(stream))))


def promised_itl_ms(history: History) -> float | None:
    """What was promised from one token to the next, if anything."""
    return history.plan.objectives.itl_p99_ms if history.plan else None


def is_good(stream: StreamSample, itl_ms: float | None) -> bool:
    """Whole, right, begun in time, and with at most `itl_ms` from token to token on average, where that is promised.

    The average, because one gap in a hundred may be longer where the 99th percentile is promised.
    """
    if stream.outcome is not Outcome.OK:
        return False
    return itl_ms is None or not stream.gaps_ms or sum(stream.gaps_ms) / len(stream.gaps_ms) <= itl_ms


def gaps_ms(streams: Iterable[StreamSample]) -> list[float]:
    """From one token to the next, of all of them. Who waited for a token until the timeout waited at least so long."""
    gaps: list[float] = []
    for stream in streams:
        gaps += stream.gaps_ms
        if stream.outcome is Outcome.TIMEOUT and stream.first_token is not None:
            last = stream.first_token + sum(stream.gaps_ms) / 1000
            gaps.append(max(0.0, (stream.end - last) * 1000))
    return gaps


def level(streams: Sequence[StreamSample], itl_ms: float | None) -> StreamLevel | None:
    """The service level that `streams` had; None where there are none."""
    if not streams:
        return None
    sent = [stream for stream in streams if stream.outcome is not Outcome.NOT_SENT]
    paces = [pace for stream in sent if (pace := _tokens_per_s(stream)) is not None]
    good = sum(is_good(stream, itl_ms) for stream in sent)
    return StreamLevel(
        scheduled=len(streams),
        good=good,
        by_outcome=dict(sorted(Counter(stream.outcome for stream in streams).items())),
        ttft_ms=percentiles(
            [(stream.first_token - stream.due) * 1000 for stream in sent if stream.first_token is not None]
        ),
        itl_ms=percentiles(gaps_ms(sent)),
        tokens_per_s=median(paces) if paces else None,
        goodput=good / len(sent) if sent else None,
        error_rate=sum(stream.outcome in ERRORS for stream in sent) / len(sent) if sent else None,
    )


def _tokens_per_s(stream: StreamSample) -> float | None:
    """While it ran, of one that ran to its end."""
    seconds = sum(stream.gaps_ms) / 1000
    whole = stream.outcome in (Outcome.OK, Outcome.TOO_SLOW, Outcome.WRONG_ANSWER)
    return len(stream.gaps_ms) / seconds if whole and seconds > 0 else None


@data
class Lag:
    """Streams were out of the service level when single tokens were not, or not any more. On the controller's clock."""

    start: Interval
    end: Interval | None
    """None: no good stream was sent after the last bad one."""


def lag(streams: Sequence[StreamSample], since: float, until: float, itl_ms: float | None) -> Lag | None:
    """What streams sent after `since` (all probes good, fault in effect) and before `until` say; None: they were good.

    One that was sent earlier says nothing here: it was cut by a fault that may be over, which is the fate of a request
    in flight.
    """
    sent = [
        (stream.sent, stream)
        for stream in streams
        if stream.sent is not None and stream.outcome is not Outcome.NOT_SENT
    ]
    sent.sort(key=lambda pair: (pair[0], pair[1].seq))
    bad = [(at, one) for at, one in sent if since <= at < until and not is_good(one, itl_ms)]
    if not bad:
        return None
    good = [(at, one) for at, one in sent if is_good(one, itl_ms)]
    first, last = bad[0][0], bad[-1][0]
    before = max((at for at, _ in good if at < first), default=since)
    proven = min(one.end for _, one in bad)
    after = [one.end for at, one in good if at > last]
    return Lag(
        start=Interval(lower=min(before, proven), upper=proven),
        end=Interval(lower=min(last, *after), upper=min(after)) if after else None,
    )
