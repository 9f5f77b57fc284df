"""Streams, requests in flight and wrong answers, against values worked out by hand."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from drill_runner.evaluate import evaluate
from drill_runner.model.base import Interval
from drill_runner.model.drill import Objectives
from drill_runner.model.result import Disagreement, Fate, Percentiles, Result, StreamLevel, Verdict
from drill_runner.model.sample import Outcome, ProbeSample, StreamSample
from tests.unit.runs import (
    ANSWERED_AFTER,
    BEGIN,
    ENDED_AFTER,
    GAP_MS,
    LOOKS,
    PERIOD,
    SENT_AFTER,
    STREAM_PERIOD,
    TOKENS,
    due,
    history,
    plan,
    probe,
    probes,
    stream,
    streams,
    watched,
)

COUNT = 12
"""Streams, one each half second: number 4 is due just after the effect at 2 s, number 7 and later when all is back."""
LENGTH = (TOKENS - 1) * GAP_MS / 1000


def judged(
    but: Mapping[int, StreamSample] | None = None,
    objectives: Objectives | None = None,
    single: Mapping[int, ProbeSample | Outcome] | None = None,
) -> Result:
    seen = watched(probes(48, single), pool=LOOKS, streamed=streams(COUNT, but))
    return evaluate(history(seen, plan=plan(objectives)))


def due_s(seq: int) -> float:
    """When stream `seq` is due, in seconds since the observer's start."""
    return PERIOD / 2 + seq * STREAM_PERIOD


def actual(result: Result, name: str) -> tuple[Interval | None, bool | None]:
    one = next(one for one in result.objectives if one.name == name)
    return one.actual, one.met


def restored(result: Result) -> Interval | None:
    return next(mark.instant for mark in result.marks if mark.name == "restored")


# --- service level ---------------------------------------------------------------------------------------------------


def test_the_level_of_streams_in_every_window():
    windows = {
        one.name: one.streams
        for one in judged({4: stream(4, Outcome.TRUNCATED, tokens=3), 5: stream(5, gap_ms=125)}).windows
    }
    assert {name: one and (one.scheduled, one.good) for name, one in windows.items()} == {
        "before": (4, 4),
        "during": (3, 2),  # until stream 5 ends at 3.07 s, the first good one after number 4
        "after": (5, 5),
        "all": (12, 11),
    }
    assert windows["during"] == StreamLevel(
        scheduled=3,
        good=2,
        by_outcome={Outcome.OK: 2, Outcome.TRUNCATED: 1},
        ttft_ms=Percentiles(count=3, p50=8.7890625, p95=8.7890625, p99=8.7890625, max=8.7890625),
        itl_ms=Percentiles(count=10, p50=62.5, p95=125, p99=125, max=125),
        tokens_per_s=12,
        goodput=2 / 3,
        error_rate=1 / 3,
    )
    everything = windows["all"]
    assert everything is not None
    assert (everything.tokens_per_s, everything.error_rate) == (16, 1 / 12)


def test_without_streams_there_is_no_level_and_their_objectives_are_unknown():
    result = evaluate(history(plan=plan(Objectives(goodput_min=0.5, itl_p99_ms=50))))
    assert {one.streams for one in result.windows} == {None}
    assert (actual(result, "goodput_min"), actual(result, "itl_p99_ms")) == ((None, None), (None, None))
    assert result.verdict is Verdict.INCONCLUSIVE


def test_errors_and_wrong_answers_have_their_shares():
    single: dict[int, ProbeSample | Outcome] = {
        18: Outcome.HTTP_ERROR,
        19: Outcome.WRONG_ANSWER,
        20: Outcome.TOO_SLOW,
        21: Outcome.NOT_SENT,
    }
    windows = {one.name: one for one in judged({5: stream(5, Outcome.WRONG_ANSWER)}, single=single).windows}
    # Probes 16 to 24 are due meanwhile: 8 were sent, 7 answered; so were 2 streams.
    assert windows["during"].error_rate == 1 / 8
    assert windows["during"].wrong_share == 2 / 9
    assert (windows["after"].error_rate, windows["after"].wrong_share) == (0, 0)


def test_goodput_counts_what_came_whole_right_in_time_and_at_the_promised_pace():
    but = {
        5: stream(5, gap_ms=GAP_MS + 1),
        8: stream(8, Outcome.TOO_SLOW),
        9: stream(9, Outcome.NOT_SENT),
    }
    promised = judged(but, Objectives(goodput_min=0.8, itl_p99_ms=GAP_MS))
    assert actual(promised, "goodput_min") == (Interval(lower=9 / 12, upper=10 / 12), None)
    assert actual(promised, "itl_p99_ms") == (Interval(lower=GAP_MS + 1, upper=GAP_MS + 1), False)
    free = judged(but, Objectives(goodput_min=0.8))
    assert actual(free, "goodput_min") == (Interval(lower=10 / 12, upper=11 / 12), True)


def test_waiting_for_a_token_that_never_came_counts_until_the_timeout():
    hung = stream(5, Outcome.TIMEOUT, tokens=2)
    result = judged({5: hung}, Objectives(itl_p99_ms=100))
    waited = 2000 - ANSWERED_AFTER * 1000 - GAP_MS
    (worst, met) = actual(result, "itl_p99_ms")
    assert worst is not None
    assert met is False
    assert worst.upper == pytest.approx(waited)


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (streams(COUNT)[:-1], "1 of 12 scheduled streams have no sample"),
        ((*streams(COUNT), stream(3, Outcome.TRUNCATED)), "1 streams have more than one sample"),
        (streams(COUNT, {3: stream(3, Outcome.NOT_SENT)}), "1 of 12 streams were not sent"),
    ],
)
def test_streams_are_accounted_for(lines: tuple[StreamSample, ...], said: str):
    samples = [*watched(probes(48), pool=LOOKS, streamed=streams(COUNT))]
    kept = [sample for sample in samples if not isinstance(sample, StreamSample)]
    result = evaluate(history([*kept, *lines]))
    assert result.verdict is Verdict.INCONCLUSIVE
    assert said in result.reasons[0].text


# --- restored --------------------------------------------------------------------------------------------------------


def test_restored_is_when_streams_are_within_the_level_again_too():
    slow = {seq: stream(seq, gap_ms=2 * GAP_MS) for seq in (4, 5, 6)}
    refused: dict[int, ProbeSample | Outcome] = dict.fromkeys((17, 18, 19), Outcome.HTTP_ERROR)
    outage = Interval(lower=17 * PERIOD - PERIOD + SENT_AFTER, upper=17 * PERIOD + ENDED_AFTER)
    end = Interval(lower=due_s(6) + SENT_AFTER, upper=due_s(7) + ANSWERED_AFTER + LENGTH)
    promised = judged(slow, Objectives(rto_s=0.9, itl_p99_ms=GAP_MS), refused)
    assert restored(promised) == end
    assert actual(promised, "rto_s") == (end.since(outage), False)
    free = judged(slow, Objectives(rto_s=1), refused)
    assert restored(free) == Interval(lower=19 * PERIOD + SENT_AFTER, upper=20 * PERIOD + ANSWERED_AFTER)


def test_streams_alone_can_make_an_outage():
    result = judged({4: stream(4, Outcome.TRUNCATED, tokens=2)}, Objectives(rto_s=0.1))
    start = Interval(lower=due_s(3) + SENT_AFTER, upper=due_s(4) + ANSWERED_AFTER + GAP_MS / 1000)
    end = Interval(lower=due_s(4) + SENT_AFTER, upper=due_s(5) + ANSWERED_AFTER + LENGTH)
    assert next(mark.instant for mark in result.marks if mark.name == "first_failure") == start
    assert restored(result) == end
    assert actual(result, "rto_s")[0] == end.since(start)


def test_streams_that_stay_bad_leave_the_recovery_time_unknown():
    result = judged({seq: stream(seq, Outcome.TIMEOUT, tokens=0) for seq in range(5, COUNT)}, Objectives(rto_s=1))
    assert actual(result, "rto_s") == (None, None)
    assert restored(result) is None
    assert result.verdict is Verdict.INCONCLUSIVE


def test_what_was_cut_by_the_fault_itself_does_not_say_when_the_service_was_back():
    cut = replace(stream(3, Outcome.TRUNCATED, tokens=2), end=BEGIN + 2.03)
    result = judged({3: cut}, Objectives(rto_s=0))
    assert actual(result, "rto_s") == (Interval(lower=0, upper=0), True)


# --- in flight -------------------------------------------------------------------------------------------------------


def open_from(sent: float, until: float, outcome: Outcome, seq: int = 15, retries: int | None = None) -> ProbeSample:
    """A probe in flight from `sent` to `until`, in seconds since the observer's start."""
    return replace(probe(seq, outcome), sent=BEGIN + sent, end=BEGIN + until, retries=retries)


@pytest.mark.parametrize(
    ("sent", "until", "surely"),
    [
        (1.9, 2.1, True),
        (2.0, 2.0625, True),
        (1.9, 2.03, False),
        (2.03, 2.5, False),
        (1.9, 1.99, None),
        (2.1, 2.2, None),
    ],
)
def test_open_surely_perhaps_or_not(sent: float, until: float, surely: bool | None):
    result = evaluate(history(watched((*probes(15), open_from(sent, until, Outcome.TRUNCATED)))))
    assert result.in_flight is not None
    others = [one for one in result.in_flight.requests if one.seq == 15]
    assert [one.surely for one in others] == ([] if surely is None else [surely])


@pytest.mark.parametrize(
    ("outcome", "fate"),
    [
        (Outcome.OK, Fate.FINISHED),
        (Outcome.TRUNCATED, Fate.CUT),
        (Outcome.CONNECTION_ERROR, Fate.CUT),
        (Outcome.TIMEOUT, Fate.HUNG),
        (Outcome.WRONG_ANSWER, Fate.WRONG),
        (Outcome.TOO_SLOW, Fate.TOO_SLOW),
        (Outcome.HTTP_ERROR, Fate.REFUSED),
        (Outcome.NOT_SENT, Fate.UNKNOWN),
    ],
)
def test_every_outcome_has_its_fate(outcome: Outcome, fate: Fate):
    result = evaluate(history(watched(probes(16, {15: open_from(1.9, 3, outcome)}))))
    assert result.in_flight is not None
    assert {name: count for name, count in result.in_flight.fates.items() if count} == {fate: 1}
    assert (result.in_flight.surely, result.in_flight.retried) == (1, None)


def test_probes_and_streams_in_flight_and_what_the_load_balancer_says_of_retries():
    cut = replace(stream(3, Outcome.TRUNCATED, tokens=2), end=BEGIN + 2.07, error="it broke off")
    single: dict[int, ProbeSample | Outcome] = {
        15: open_from(1.9, 2.3, Outcome.OK, retries=1),
        16: open_from(2.01, 2.2, Outcome.OK, seq=16, retries=0),
    }
    found = judged({3: cut}, single=single).in_flight
    assert found is not None
    assert [(one.kind, one.seq, one.fate, one.surely, one.retries) for one in found.requests] == [
        ("stream", 3, Fate.CUT, True, None),
        ("probe", 15, Fate.FINISHED, True, 1),
        ("probe", 16, Fate.FINISHED, False, 0),
    ]
    assert (found.surely, found.retried, found.requests[0].error) == (2, 1, "it broke off")


def test_without_an_effect_nothing_was_in_flight():
    assert evaluate(history(records=())).in_flight is None


# --- wrong answers ---------------------------------------------------------------------------------------------------


def test_a_replica_disagrees_from_its_first_wrong_answer_to_its_last():
    others: dict[int, ProbeSample | Outcome] = {seq: probe(seq, replica="gpu2") for seq in (12, 20, 26)}
    wrong = {seq: probe(seq, Outcome.WRONG_ANSWER, replica="gpu2") for seq in (18, 22)}
    wrong_stream = stream(5, Outcome.WRONG_ANSWER, replica="gpu2")  # due 2.5625 s, between probes 20 and 22
    result = judged({5: wrong_stream}, single={**others, **wrong})
    assert result.disagreement == (
        Disagreement(
            replica="gpu2",
            start=Interval(lower=12 * PERIOD + SENT_AFTER, upper=18 * PERIOD + ENDED_AFTER),
            end=Interval(lower=22 * PERIOD + SENT_AFTER, upper=26 * PERIOD + ENDED_AFTER),
            wrong=3,
            of=4,
        ),
    )


def test_wrong_to_the_end_and_from_an_unknown_replica():
    nobody = {seq: replace(probe(seq, Outcome.WRONG_ANSWER), replica=None) for seq in (40, 41)}
    (found,) = evaluate(history(watched(probes(48, nobody), pool=LOOKS))).disagreement
    assert (found.replica, found.end, found.wrong, found.of) == (None, None, 2, 2)
    assert found.start == Interval(lower=0, upper=due(40) + ENDED_AFTER - BEGIN)


def test_right_answers_are_no_disagreement():
    assert judged().disagreement == ()
