"""What clients lost: every failed request, how long they waited in vain, and how long nobody got a good answer."""

from collections.abc import Iterator, Sequence
from itertools import pairwise

from drill_runner.model.result import Cause, FailedRequest, Losses
from drill_runner.model.sample import Outcome, ProbeSample, StreamSample

Request = ProbeSample | StreamSample

NO_FAILURE = frozenset({Outcome.OK, Outcome.NOT_SENT})


def losses(probes: Sequence[ProbeSample], streams: Sequence[StreamSample], begin: float) -> Losses:
    """Of `probes` and `streams`, each there once. Instants count from `begin`."""
    everything: tuple[Request, ...] = (*probes, *streams)
    bad = [one for one in everything if one.outcome not in NO_FAILURE]
    bad.sort(key=lambda one: (one.due, one.kind, one.seq, one.end))
    return Losses(
        requests=tuple(_failed(one, begin) for one in bad),
        request_seconds=_waited(bad),
        causes=tuple(_causes(bad, begin)),
        longest_gap_s=_longest_gap(probes),
    )


def _failed(one: Request, begin: float) -> FailedRequest:
    return FailedRequest(
        kind=one.kind,
        seq=one.seq,
        due_s=one.due - begin,
        seconds=max(0.0, one.end - one.due),
        outcome=one.outcome,
        replica=one.replica,
        status=one.status,
        error=one.error,
    )


def _causes(bad: Sequence[Request], begin: float) -> Iterator[Cause]:
    for outcome in Outcome:
        those = [one for one in bad if one.outcome is outcome]
        if those:
            yield Cause(
                outcome=outcome,
                requests=len(those),
                request_seconds=_waited(those),
                first_s=those[0].due - begin,
                last_s=those[-1].due - begin,
            )


def _waited(bad: Sequence[Request]) -> float:
    """Sum of the times from when a client wanted to ask to when it knew that it had asked in vain."""
    return sum((max(0.0, one.end - one.due) for one in bad), 0.0)


def _longest_gap(probes: Sequence[ProbeSample]) -> float | None:
    """From one good answer to the next, and from the last one to the end; None where there was none at all."""
    answers = sorted(one.first_token for one in probes if one.outcome is Outcome.OK and one.first_token is not None)
    if not answers:
        return None
    over = max(one.end for one in probes)
    return max(later - earlier for earlier, later in pairwise((*answers, max(over, answers[-1]))))
