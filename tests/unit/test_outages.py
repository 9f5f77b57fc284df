"""The rule for outages, against values worked out by hand."""

import random

import pytest

from drill_runner.evaluate.outages import outages
from drill_runner.model.base import Interval
from drill_runner.model.result import Episode
from drill_runner.model.sample import Outcome, ProbeSample
from tests.unit.runs import ANSWERED_AFTER, GOOD_IN_A_ROW, PERIOD, SENT_AFTER, USUAL, due, probe, probes, watched


def found(*but: ProbeSample, count: int = 40) -> tuple[Episode, ...]:
    return outages(watched(probes(count, {one.seq: one for one in but})), GOOD_IN_A_ROW)


def at(seq: int, after: float) -> float:
    """Seconds from the observer's start to `after` seconds past the due instant of probe `seq`."""
    return seq * PERIOD + after


def test_no_failure_is_no_outage():
    assert found() == ()


def test_refused_connections_are_bad_between_sending_and_failing():
    refused = [probe(seq, Outcome.CONNECTION_ERROR, after=2 / 1024) for seq in (10, 11, 12)]
    (episode,) = found(*refused)
    assert episode.start == Interval(lower=at(9, SENT_AFTER), upper=at(10, 2 / 1024))
    assert episode.end == Interval(lower=at(12, SENT_AFTER), upper=at(13, ANSWERED_AFTER))
    assert episode.duration == Interval(
        lower=at(12, SENT_AFTER) - at(10, 2 / 1024), upper=at(13, ANSWERED_AFTER) - at(9, SENT_AFTER)
    )
    assert (episode.failed, episode.by_outcome) == (3, {Outcome.CONNECTION_ERROR: 3})


def test_a_hang_began_by_when_a_good_service_would_have_answered_not_at_the_timeout():
    hung = [probe(seq, Outcome.TIMEOUT, after=2.0) for seq in (10, 11, 12)]
    (episode,) = found(*hung)
    assert episode.start == Interval(lower=at(9, SENT_AFTER), upper=at(10, SENT_AFTER + USUAL))
    # Lost requests stay open long after the service is back; only their sending proves that it was bad.
    assert episode.end == Interval(lower=at(12, SENT_AFTER), upper=at(13, ANSWERED_AFTER))


def test_a_failure_that_took_long_proves_more_than_its_end_and_a_quick_one_no_more():
    (quick,) = found(probe(10, Outcome.HTTP_ERROR, after=SENT_AFTER + 2 * USUAL))
    assert quick.start.upper == at(10, SENT_AFTER + 2 * USUAL)
    (retried,) = found(probe(10, Outcome.HTTP_ERROR, after=1.0))
    assert retried.start.upper == at(10, SENT_AFTER + USUAL)


def test_the_instant_of_a_thaw_is_where_all_held_requests_are_answered():
    thaw = due(16) + 1 / 32
    held = [
        probe(seq, Outcome.TOO_SLOW if seq < 13 else Outcome.OK, after=thaw + seq / 8192 - due(seq))
        for seq in range(10, 17)
    ]
    (episode,) = found(*held, count=200)
    assert episode.start.upper == at(10, SENT_AFTER + USUAL)
    first, first_good = held[0].first_token, held[3].first_token
    assert first is not None
    assert first_good is not None
    assert episode.end == Interval(lower=first - 2 * USUAL - due(0), upper=first_good - due(0))
    assert episode.failed == 3


def test_slow_answers_that_meet_prompt_ones_by_chance_are_no_thaw():
    # Each takes exactly four periods, so that the last of them are answered together with the first good ones.
    slow = [probe(seq, Outcome.TOO_SLOW, after=4 * PERIOD + ANSWERED_AFTER) for seq in (10, 11, 12, 13)]
    late_good = probe(14, after=2 * ANSWERED_AFTER)
    (episode,) = found(*slow, late_good)
    assert episode.end == Interval(lower=at(13, SENT_AFTER), upper=at(14, 2 * ANSWERED_AFTER))


def test_a_request_cut_while_open_bounds_the_start_though_it_was_sent_before():
    cut = probe(10, Outcome.TRUNCATED, after=4 / 1024)
    (episode,) = found(cut, probe(11, Outcome.CONNECTION_ERROR))
    assert episode.start == Interval(lower=at(9, SENT_AFTER), upper=at(10, 4 / 1024))


@pytest.mark.parametrize("outcome", [Outcome.WRONG_ANSWER, Outcome.HTTP_ERROR, Outcome.TRUNCATED])
def test_whatever_is_not_good_is_bad(outcome: Outcome):
    (episode,) = found(probe(20, outcome))
    assert episode.by_outcome == {outcome: 1}


def test_fewer_good_ones_than_asked_for_do_not_end_an_outage():
    apart = found(probe(10, Outcome.HTTP_ERROR), probe(11 + GOOD_IN_A_ROW, Outcome.HTTP_ERROR))
    assert [episode.failed for episode in apart] == [1, 1]
    (merged,) = found(probe(10, Outcome.HTTP_ERROR), probe(10 + GOOD_IN_A_ROW, Outcome.HTTP_ERROR))
    assert merged.failed == 2
    assert merged.end is not None
    assert merged.end.lower == at(10 + GOOD_IN_A_ROW, SENT_AFTER)


def test_an_outage_that_did_not_end_has_no_length():
    (episode,) = found(*(probe(seq, Outcome.TIMEOUT) for seq in range(30, 37)))  # three good ones follow, four end it
    assert episode.end is None
    assert episode.duration is None
    assert episode.failed == 7


def test_a_service_that_was_never_good_was_bad_from_an_unknown_instant():
    (episode,) = outages(watched(probes(10, dict.fromkeys(range(3), Outcome.HTTP_ERROR))), GOOD_IN_A_ROW)
    assert episode.start.lower == 0.0
    assert outages(watched(probes(5, dict.fromkeys(range(5), Outcome.TIMEOUT))), GOOD_IN_A_ROW)[0].end is None


def test_a_probe_that_was_not_sent_proves_nothing_and_widens_the_interval():
    assert found(probe(10, Outcome.NOT_SENT)) == ()
    (episode,) = found(probe(9, Outcome.NOT_SENT), probe(10, Outcome.CONNECTION_ERROR), probe(11, Outcome.NOT_SENT))
    assert episode.failed == 1
    assert episode.start.lower == at(8, SENT_AFTER)
    assert episode.end is not None
    assert episode.end.upper == at(12, ANSWERED_AFTER)


def test_the_order_of_lines_and_their_repetition_do_not_matter():
    samples = list(watched(probes(60, {20: Outcome.TIMEOUT, 21: Outcome.WRONG_ANSWER, 40: Outcome.HTTP_ERROR})))
    straight = outages(samples, GOOD_IN_A_ROW)
    assert len(straight) == 2
    random.Random(3).shuffle(samples)  # noqa: S311 -- an order, not a secret
    assert outages([*samples, *samples], GOOD_IN_A_ROW) == straight
