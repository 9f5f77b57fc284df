"""Which replica gave wrong answers, and between when: the window in which replicas disagreed."""

from collections.abc import Iterator, Sequence

from drill_runner.model.base import Interval
from drill_runner.model.result import Disagreement
from drill_runner.model.sample import Outcome, ProbeSample, StreamSample

Request = ProbeSample | StreamSample

ANSWERED = frozenset({Outcome.OK, Outcome.TOO_SLOW, Outcome.WRONG_ANSWER})
"""A whole answer came, which is right or wrong."""


def wrong_share(requests: Sequence[Request]) -> float | None:
    """Wrong answers among whole ones; None where nothing was answered."""
    outcomes = [request.outcome for request in requests if request.outcome in ANSWERED]
    return sum(outcome is Outcome.WRONG_ANSWER for outcome in outcomes) / len(outcomes) if outcomes else None


def disagreement(requests: Sequence[Request], begin: float) -> Iterator[Disagreement]:
    """One for each replica that gave a wrong answer, by name. Instants count from `begin`."""
    answers: dict[str, list[tuple[float, Request]]] = {}
    for request in requests:
        if request.outcome in ANSWERED and request.sent is not None:
            answers.setdefault(request.replica or "", []).append((request.sent, request))
    for replica in sorted(answers):
        given = sorted(answers[replica], key=lambda pair: (pair[0], pair[1].kind, pair[1].seq))
        if any(_is_wrong(one) for _, one in given):
            yield _window(replica or None, given, begin)


def _window(replica: str | None, given: Sequence[tuple[float, Request]], begin: float) -> Disagreement:
    """An answer tells that its replica was right, or wrong, at some instant between when it was asked and its end."""
    wrong = [(at, one) for at, one in given if _is_wrong(one)]
    first, last = wrong[0][0], wrong[-1][0]
    proven = min(one.end for _, one in wrong)
    before = max((at for at, one in given if not _is_wrong(one) and at < first), default=begin)
    after = [one.end for at, one in given if not _is_wrong(one) and at > last]
    end = Interval(lower=min(last, *after), upper=min(after)) if after else None
    return Disagreement(
        replica=replica,
        start=Interval(lower=min(before, proven) - begin, upper=proven - begin),
        end=Interval(lower=end.lower - begin, upper=end.upper - begin) if end else None,
        wrong=len(wrong),
        of=sum(first <= at <= last for at, _ in given),
    )


def _is_wrong(request: Request) -> bool:
    return request.outcome is Outcome.WRONG_ANSWER
