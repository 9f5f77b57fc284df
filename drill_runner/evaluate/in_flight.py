"""What became of the requests that were open when the fault took hold."""

from collections import Counter
from collections.abc import Mapping, Sequence

from drill_runner.model.base import Interval
from drill_runner.model.result import Fate, InFlight, OpenRequest
from drill_runner.model.sample import Outcome, ProbeSample, StreamSample

FATES: Mapping[Outcome, Fate] = {
    Outcome.OK: Fate.FINISHED,
    Outcome.WRONG_ANSWER: Fate.WRONG,
    Outcome.TOO_SLOW: Fate.TOO_SLOW,
    Outcome.HTTP_ERROR: Fate.REFUSED,
    Outcome.CONNECTION_ERROR: Fate.CUT,
    Outcome.TRUNCATED: Fate.CUT,
    Outcome.TIMEOUT: Fate.HUNG,
    Outcome.NOT_SENT: Fate.UNKNOWN,
}


def in_flight(requests: Sequence[ProbeSample | StreamSample], effect: Interval | None) -> InFlight | None:
    """The requests that were, or may have been, open at the effect's instant; None where nothing had an effect.

    The effect is known to an interval only. Open all through it: surely open. Open in a part of it: perhaps.
    """
    if effect is None:
        return None
    seen = sorted(
        (
            (sent, request)
            for request in requests
            if (sent := request.sent) is not None and sent <= effect.upper and request.end >= effect.lower
        ),
        key=lambda pair: (pair[0], pair[1].kind, pair[1].seq),
    )
    found = tuple(
        OpenRequest(
            kind=request.kind,
            seq=request.seq,
            fate=FATES[request.outcome],
            surely=sent <= effect.lower and request.end >= effect.upper,
            replica=request.replica,
            retries=request.retries,
            error=request.error,
        )
        for sent, request in seen
    )
    counts = Counter(request.fate for request in found)
    told = [request.retries for request in found if request.retries is not None]
    return InFlight(
        fates={fate: counts[fate] for fate in Fate},
        surely=sum(request.surely for request in found),
        retried=sum(retries > 0 for retries in told) if told else None,
        requests=found,
    )
