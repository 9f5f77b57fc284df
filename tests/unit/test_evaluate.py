"""Marks, objectives and the verdict with its reasons, against values worked out by hand."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest

from drill_runner.evaluate import evaluate, read_run, result_schema, to_json
from drill_runner.evaluate.history import History
from drill_runner.model.base import Interval
from drill_runner.model.drill import Detection, Objectives
from drill_runner.model.plan import Phase
from drill_runner.model.record import (
    CheckFinished,
    DamageExceeded,
    Delay,
    DelayDrawn,
    Detected,
    EffectMissing,
    EffectShown,
    Interrupted,
    PhaseEnded,
    PlaybookEnded,
    PlaybookStarted,
    Record,
    Renewed,
    RunEnded,
    Whole,
)
from drill_runner.model.result import Mark, Percentiles, Result, Verdict
from drill_runner.model.sample import ClockSample, ObserverStarted, ObserverStopped, Outcome, ProbeSample
from tests.unit.runs import (
    ANSWERED_AFTER,
    BEGIN,
    ENDED_AFTER,
    LOOKS,
    PERIOD,
    SENT_AFTER,
    check,
    history,
    look,
    plan,
    probe,
    probes,
    records,
    stream,
    streams,
    watched,
    write,
)


def mark(result: Result, name: str) -> Mark:
    return next(mark for mark in result.marks if mark.name == name)


def texts(result: Result) -> list[str]:
    return [reason.text for reason in result.reasons]


def without(*kinds: type[Record]) -> tuple[Record, ...]:
    return tuple(record for record in records() if not isinstance(record, kinds))


def test_a_run_in_which_all_went_well_passes():
    result = evaluate(history())
    assert (result.verdict, texts(result)) == (
        Verdict.PASSED,
        [
            "the service recovered and every post-condition passed",
            "service restored after 0.00 s, promised at most 5 s",
            "failed requests: 0, promised at most 0",
        ],
    )
    assert result.episodes == ()
    assert result.faults == {"server_crash": ("gpu2",)}


def test_marks_carry_the_bounds_of_their_evidence():
    failing = {18: Outcome.HTTP_ERROR, 19: Outcome.HTTP_ERROR}  # due 2.25 s and 2.375 s
    result = evaluate(history(watched(probes(48, failing), pool=LOOKS)))
    assert mark(result, "effect").instant == Interval(lower=2.0, upper=2.0625)
    assert mark(result, "effect").evidence == "gpu2: process 7 is gone"
    assert mark(result, "first_failure").instant == Interval(lower=17 * PERIOD + SENT_AFTER, upper=2.25 + ENDED_AFTER)
    assert mark(result, "restored").instant == Interval(lower=2.375 + SENT_AFTER, upper=2.5 + ANSWERED_AFTER)
    # The last look that had gpu2 UP was asked at 1.0 s, the first one without it was answered at 2.3125 s.
    assert mark(result, "detected").instant == Interval(lower=1.0, upper=2.3125)
    assert mark(result, "detected").since_effect == Interval(lower=0.0, upper=0.3125)
    assert mark(result, "replica_back").instant == Interval(lower=2.5, upper=3.0625)
    assert mark(result, "replica_back").since_effect == Interval(lower=0.4375, upper=1.0625)
    assert mark(result, "whole").instant == Interval(lower=2.5, upper=4.0)
    assert mark(result, "recovery_started").instant is None
    assert mark(result, "recovery_started").evidence == (
        "recovery is automatic, and there is no evidence from gpu2: it was not asked"
    )


def test_a_recovery_playbook_starts_when_the_journal_says():
    started = PlaybookStarted(at=BEGIN + 3.5, phase=Phase.RECOVER, playbook="recover_host")
    result = evaluate(history(plan=plan(playbook="recover_host"), records=(*records()[:-1], started, records()[-1])))
    assert mark(result, "recovery_started").instant == Interval(lower=3.5, upper=3.5)


def test_the_effect_says_how_long_it_took():
    asked = PlaybookStarted(at=BEGIN + 1.5, phase=Phase.INJECT, playbook="fault_inject", hosts=("gpu2",))
    effect = mark(evaluate(history(records=(*records()[:-1], asked, records()[-1]))), "effect")
    assert effect.evidence == "gpu2: process 7 is gone; 0.50 to 0.56 s after its injection began"


def test_the_moment_that_was_drawn_is_part_of_the_result():
    drawn = Delay(seconds=0.25, span_s=10, seed=7, number=3)
    first, *rest = records()
    told = evaluate(history(records=(first, DelayDrawn(at=BEGIN + 1.25, delay=drawn), *rest)))
    assert (told.delay, evaluate(history()).delay) == (drawn, None)


def test_what_clients_lost_is_listed_counted_and_timed():
    failing: dict[int, ProbeSample | Outcome] = {
        18: probe(18, Outcome.HTTP_ERROR, after=0.5),
        19: probe(19, Outcome.TIMEOUT, after=2.0),
        20: Outcome.NOT_SENT,
    }
    cut = {3: stream(3, Outcome.TRUNCATED, tokens=2)}
    found = evaluate(history(watched(probes(48, failing), pool=LOOKS, streamed=streams(12, cut)))).losses
    assert found is not None
    assert [(one.kind, one.seq, one.due_s, one.outcome) for one in found.requests] == [
        ("stream", 3, 1.5625, Outcome.TRUNCATED),
        ("probe", 18, 2.25, Outcome.HTTP_ERROR),
        ("probe", 19, 2.375, Outcome.TIMEOUT),
    ]
    waited = cut[3].end - cut[3].due
    assert found.request_seconds == 2.5 + waited
    assert [(one.outcome, one.requests, one.request_seconds, one.first_s, one.last_s) for one in found.causes] == [
        (Outcome.HTTP_ERROR, 1, 0.5, 2.25, 2.25),
        (Outcome.TIMEOUT, 1, 2.0, 2.375, 2.375),
        (Outcome.TRUNCATED, 1, waited, 1.5625, 1.5625),
    ]
    assert found.longest_gap_s == 4 * PERIOD  # probe 17 was answered, 21 again


def test_nothing_lost_and_nothing_ever_answered():
    nothing = evaluate(history()).losses
    assert nothing is not None
    assert (nothing.requests, nothing.request_seconds, nothing.causes, nothing.longest_gap_s) == ((), 0, (), PERIOD)
    never = evaluate(history(watched(probes(8, dict.fromkeys(range(8), Outcome.TIMEOUT))))).losses
    assert never is not None
    assert (len(never.requests), never.longest_gap_s) == (8, None)


def test_a_gap_that_lasts_to_the_end_counts():
    found = evaluate(history(watched(probes(16, dict.fromkeys(range(4, 16), Outcome.HTTP_ERROR))))).losses
    assert found is not None
    assert found.longest_gap_s == 12 * PERIOD + ENDED_AFTER - ANSWERED_AFTER


def test_a_replica_that_was_never_seen_to_leave_proves_its_return_by_its_own_answer():
    seen = probes(48, {20: probe(20, replica="gpu2"), 10: probe(10, replica="gpu2")})
    result = evaluate(history(watched(seen, pool=(look(1), look(2.5), look(4)))))
    back = mark(result, "replica_back")
    assert back.instant == Interval(lower=2.0, upper=2.5 + ANSWERED_AFTER)
    assert back.evidence == (
        "gpu2 was never seen to leave the load balancer's pool; it answered a probe that was sent after the effect"
    )
    silent = mark(evaluate(history(watched(probes(48), pool=(look(1), look(2.5), look(4))))), "replica_back")
    assert silent.instant is None
    demanded = history(watched(seen, pool=(look(1), look(4))), plan=plan(detection=_DETECTION))
    assert mark(evaluate(demanded), "replica_back").instant is None


def test_a_replica_that_left_again_is_back_when_it_stays():
    pool = (look(1), look(2.25, "DOWN"), look(2.5), look(3, "DOWN"), look(3.5), look(4))
    assert mark(evaluate(history(watched(probes(48), pool=pool))), "replica_back").instant == Interval(
        lower=3.0, upper=3.5625
    )


def test_a_replica_that_does_not_come_back_has_no_return():
    result = evaluate(history(watched(probes(48), pool=(look(1), look(2.25, "DOWN"), look(4, "DOWN")))))
    assert mark(result, "replica_back").instant is None
    assert "not seen to come back" in mark(result, "replica_back").evidence


def test_what_happens_after_the_revert_is_no_recovery():
    pool = (look(1), look(2.25, "DOWN"), look(4, "DOWN"), look(5.5))  # UP only after the revert began at 5 s
    assert mark(evaluate(history(watched(probes(48), pool=pool))), "replica_back").instant is None
    broken_by_reverting = watched(probes(60, {44: Outcome.HTTP_ERROR}), pool=LOOKS)  # due 5.5 s
    result = evaluate(history(broken_by_reverting))
    assert len(result.episodes) == 1
    rto, failed = result.objectives
    assert rto.actual == Interval(lower=0, upper=0)
    assert failed.actual == Interval(lower=1, upper=1)


def test_what_was_over_before_the_steady_state_is_no_part_of_the_recovery():
    early = dict.fromkeys(range(3), Outcome.HTTP_ERROR)  # over by 0.4 s; the steady state is asked for from 0.5 s on
    result = evaluate(history(watched(probes(48, early), pool=LOOKS), plan=plan(Objectives(rto_s=0))))
    assert len(result.episodes) == 1
    assert (result.verdict, result.objectives[0].actual) == (Verdict.PASSED, Interval(lower=0, upper=0))
    assert mark(result, "first_failure").instant is None


def test_the_journal_tells_of_detection_where_the_pool_was_not_watched():
    told = Detected(
        at=BEGIN + 3,
        by="load_balancer",
        what="gpu2 left the pool",
        instant=Interval(lower=BEGIN + 2.5, upper=BEGIN + 3),
    )
    result = evaluate(history(watched(probes(48)), records=(*records()[:-1], told, records()[-1])))
    assert mark(result, "detected").instant == Interval(lower=2.5, upper=3.0)


def test_windows_split_at_the_effect_and_where_everything_was_back():
    failing = {18: Outcome.TIMEOUT, 19: Outcome.NOT_SENT}
    windows = {one.name: one for one in evaluate(history(watched(probes(48, failing), pool=LOOKS))).windows}
    # Effect from 2.0 s on, replica back by 3.0625 s at the latest: probes 0-15, 16-24 and 25-47.
    assert [windows[name].scheduled for name in ("before", "during", "after", "all")] == [16, 9, 23, 48]
    assert windows["during"].by_outcome == {Outcome.NOT_SENT: 1, Outcome.OK: 7, Outcome.TIMEOUT: 1}
    assert windows["during"].by_replica == {"gpu1": 7}
    assert windows["during"].ttft_ms == Percentiles(count=7, p50=8.7890625, p95=8.7890625, p99=8.7890625, max=8.7890625)


_ALL = Objectives(rto_s=1, replica_rto_s=1, detect_s=1, failed_requests=2, availability=0.95, ttft_p99_ms=100)


def test_every_objective_has_its_actual_value():
    failing = {18: Outcome.HTTP_ERROR, 19: Outcome.HTTP_ERROR, 30: Outcome.NOT_SENT}
    result = evaluate(history(watched(probes(48, failing), pool=LOOKS), plan=plan(_ALL)))
    actual = {one.name: (one.actual, one.met) for one in result.objectives}
    assert actual["rto_s"][0] is not None
    assert actual["rto_s"][0].lower == pytest.approx(0.125 - 9 / 1024)
    assert actual["rto_s"][0].upper == pytest.approx(0.375 + 8 / 1024)
    assert actual["replica_rto_s"] == (Interval(lower=0.4375, upper=1.0625), None)
    assert actual["detect_s"] == (Interval(lower=0, upper=0.3125), True)
    assert actual["failed_requests"] == (Interval(lower=2, upper=3), None)
    assert actual["availability"] == (Interval(lower=45 / 48, upper=46 / 48), None)
    # 2 of 47 that were sent have no first token: the 99th percentile is one of them, and counts as the timeout.
    assert actual["ttft_p99_ms"] == (Interval(lower=2000, upper=2000), False)


def test_an_outage_that_did_not_end_leaves_the_recovery_time_unknown():
    failing = dict.fromkeys(range(18, 48), Outcome.TIMEOUT)
    result = evaluate(history(watched(probes(48, failing), pool=LOOKS)))
    assert next(one for one in result.objectives if one.name == "rto_s").actual is None
    assert result.verdict is Verdict.FAILED  # 30 requests failed, whatever the recovery time


_DETECTION = Detection(load_balancer="down", within_s=1)


def _not_down() -> History:
    return history(watched(probes(48), pool=(look(1), look(4))), plan=plan(detection=_DETECTION))


def _clock(late_s: float = 0.0, shift_s: float = 0.0) -> History:
    clock = (
        ClockSample(at=BEGIN + 1, late_s=late_s, utc_shift_s=0),
        ClockSample(at=BEGIN + 2, late_s=0, utc_shift_s=shift_s),
    )
    return history(watched(probes(48), pool=LOOKS, clock=clock))


def _samples(keep: Callable[[object], bool]) -> History:
    return history(tuple(sample for sample in watched(probes(48), pool=LOOKS) if keep(sample)))


def _with(*more: Record, less: Sequence[type[Record]] = ()) -> History:
    kept = without(RunEnded, *less)
    return history(records=(*kept, *more, records()[-1]))


def _renewed(seconds: float, *, ended: bool = False) -> Renewed:
    return Renewed(at=BEGIN + seconds, hosts=() if ended else ("gpu2",), ended=("gpu2",) if ended else ())


CASES: dict[str, tuple[History, Verdict, str]] = {
    "no samples": (history(()), Verdict.INCONCLUSIVE, "no good probe in the time before the fault"),
    "samples missing": (
        _samples(lambda one: not (isinstance(one, ProbeSample) and one.seq == 30)),
        Verdict.INCONCLUSIVE,
        "1 of 48 scheduled probes have no sample",
    ),
    "samples end early": (
        _samples(lambda one: not (isinstance(one, ProbeSample) and one.seq > 45)),
        Verdict.INCONCLUSIVE,
        "2 of 48 scheduled probes have no sample",
    ),
    "observer not stopped": (
        _samples(lambda one: not isinstance(one, ObserverStopped)),
        Verdict.INCONCLUSIVE,
        "the observer was not stopped as it should be",
    ),
    "observer's start missing": (
        _samples(lambda one: not isinstance(one, ObserverStarted)),
        Verdict.INCONCLUSIVE,
        "the samples do not begin",
    ),
    "two lines for a probe": (
        history((*watched(probes(48), pool=LOOKS), probe(7, after=0.25))),
        Verdict.INCONCLUSIVE,
        "1 probes have more than one sample",
    ),
    "probe starved": (
        history(watched(probes(48, {30: Outcome.NOT_SENT}), pool=LOOKS)),
        Verdict.INCONCLUSIVE,
        "the probe fell behind its schedule: 1 of 48",
    ),
    "probe woke late": (_clock(late_s=0.3), Verdict.INCONCLUSIVE, "the probe fell behind: it woke 0.30 s late"),
    "clock jumped": (_clock(shift_s=-3), Verdict.INCONCLUSIVE, "the clock jumped by 3.000 s, 2 s after"),
    "no steady state": (
        history(watched(probes(48, {8: Outcome.HTTP_ERROR}), pool=LOOKS)),
        Verdict.INCONCLUSIVE,
        "probes failed before the fault had an effect",
    ),
    "steady check failed": (
        _with(check(Phase.STEADY_STATE, 1, "failed", "pool is half empty\nmore")),
        Verdict.INCONCLUSIVE,
        "no steady state at the start: endpoint: test_it: pool is half empty",
    ),
    "steady phase has a problem": (
        _with(PhaseEnded(at=BEGIN + 1, phase=Phase.STEADY_STATE, problem="never quiet")),
        Verdict.INCONCLUSIVE,
        "no steady state at the start: never quiet",
    ),
    "no effect": (
        _with(EffectMissing(at=BEGIN + 2, lease="server-crash-1", host="gpu2", why="still there"), less=[EffectShown]),
        Verdict.INCONCLUSIVE,
        "server_crash was not shown to have an effect on gpu2: still there",
    ),
    "interrupted": (
        _with(Interrupted(at=BEGIN + 3, why="Ctrl-C"), less=[Whole]),
        Verdict.INCONCLUSIVE,
        "the run was interrupted: Ctrl-C",
    ),
    "runner died": (history(records=without(RunEnded)), Verdict.INCONCLUSIVE, "the journal is cut off"),
    "no plan": (history(plan=None), Verdict.INCONCLUSIVE, "there is no plan to judge by"),
    "folder damaged": (history(problems=("samples.jsonl: line 3",)), Verdict.INCONCLUSIVE, "samples.jsonl: line 3"),
    "checker broke": (
        _with(check(Phase.POSTCONDITIONS, 4.6, "broken", "ImportError")),
        Verdict.INCONCLUSIVE,
        "a checker broke: endpoint: test_it: ImportError",
    ),
    "post-condition never ran": (
        _with(check(Phase.STEADY_STATE, 1), less=[CheckFinished]),
        Verdict.INCONCLUSIVE,
        "postconditions: no result of the check endpoint",
    ),
    "statistics never seen": (
        history(watched(probes(48)), plan=plan(detection=_DETECTION)),
        Verdict.INCONCLUSIVE,
        "the fault was not detected, promised within 1 s: the load balancer's statistics were not seen",
    ),
    "bounds leave it open": (
        history(plan=plan(Objectives(detect_s=0.25))),
        Verdict.INCONCLUSIVE,
        "detected after 0.00 to 0.31 s, promised at most 0.25 s, which the bounds leave open",
    ),
    "leases left behind": (
        history(records=(*without(RunEnded), RunEnded(at=BEGIN + 6, utc="x", reverted=False))),
        Verdict.FAILED,
        "not every lease was shown to be gone",
    ),
    "more damage than agreed": (
        _with(DamageExceeded(at=BEGIN + 3, what="9 failed requests"), less=[Whole]),
        Verdict.FAILED,
        "more damage than was agreed on, and so the drill was ended: 9 failed requests",
    ),
    "lease not renewed": (
        _with(_renewed(30), _renewed(95), Whole(at=BEGIN + 100, what="all"), less=[Whole]),
        Verdict.INCONCLUSIVE,
        "gpu2 was not told for 65 s that the run is still there: after 60 s it undoes its fault",
    ),
    "lease never renewed": (
        _with(Whole(at=BEGIN + 100, what="all"), less=[Whole]),
        Verdict.INCONCLUSIVE,
        "gpu2 was not told for 98 s that the run is still there",
    ),
    "not recovered": (
        _with(PhaseEnded(at=BEGIN + 4, phase=Phase.RECOVER, problem="gpu2 is not back"), less=[Whole]),
        Verdict.FAILED,
        "the service did not recover: gpu2 is not back",
    ),
    "recovery playbook failed": (
        _with(PlaybookEnded(at=BEGIN + 4, phase=Phase.RECOVER, playbook="recover_host", status="failed", rc=2)),
        Verdict.FAILED,
        "the recovery playbook recover_host ended as failed",
    ),
    "post-condition failed": (
        _with(check(Phase.POSTCONDITIONS, 4.6, "failed", "assert 1 == 2")),
        Verdict.FAILED,
        "a post-condition failed: endpoint: test_it: assert 1 == 2",
    ),
    "not detected": (
        _not_down(),
        Verdict.FAILED,
        "the fault was not detected, promised within 1 s: gpu2 was never seen to leave the load balancer's pool",
    ),
    "detected too late": (
        history(
            watched(probes(48), pool=(look(1), look(3.5), look(4, "DOWN"), look(4.5))), plan=plan(detection=_DETECTION)
        ),
        Verdict.FAILED,
        "the fault was detected after 1.44 to 2.06 s, promised within 1 s",
    ),
    "objective missed": (
        history(watched(probes(48, {20: Outcome.WRONG_ANSWER}), pool=LOOKS)),
        Verdict.FAILED,
        "failed requests: 1, promised at most 0",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_the_weightiest_reason_decides(case: str):
    run, verdict, text = CASES[case]
    result = evaluate(run)
    assert text in result.reasons[0].text
    assert (result.verdict, result.reasons[0].verdict) == (verdict, verdict)


@pytest.mark.parametrize(
    "answers", [(_renewed(30), _renewed(60), _renewed(90)), (_renewed(30), _renewed(50, ended=True))]
)
def test_a_lease_that_was_renewed_or_had_ended_is_no_doubt(answers: tuple[Renewed, ...]):
    result = evaluate(_with(*answers, Whole(at=BEGIN + 100, what="all"), less=[Whole]))
    assert not [reason.text for reason in result.reasons if "not told" in reason.text]


def test_a_starved_probe_outweighs_an_objective_and_a_proven_failure_outweighs_both():
    seen = watched(probes(48, {20: Outcome.HTTP_ERROR, 30: Outcome.NOT_SENT}), pool=LOOKS)
    starved = evaluate(history(seen))
    assert [reason.verdict for reason in starved.reasons[:2]] == [Verdict.INCONCLUSIVE, Verdict.FAILED]
    proven = evaluate(history(seen, records=_with(check(Phase.POSTCONDITIONS, 4.6, "failed")).records))
    assert [reason.verdict for reason in proven.reasons[:3]] == [Verdict.FAILED, Verdict.INCONCLUSIVE, Verdict.FAILED]
    elsewhere = replace(history(seen), records=without(EffectShown))
    assert evaluate(elsewhere).verdict is Verdict.INCONCLUSIVE


def test_the_same_folder_gives_the_same_bytes_and_they_fit_the_schema(tmp_path: Path):
    failing = {18: Outcome.HTTP_ERROR, 19: Outcome.TIMEOUT}
    folder = write(history(watched(probes(48, failing), pool=LOOKS)), tmp_path / "20261124T101500Z-server_crash")
    first, second = (to_json(evaluate(read_run(folder))) for _ in range(2))
    assert first == second
    assert first.endswith("}\n")
    made = json.loads(first)
    jsonschema.validate(made, json.loads(result_schema()))
    assert made["episodes"][0]["by_outcome"] == {"http_error": 1, "timeout": 1}
    assert made["episodes"][0]["start"] == {"lower": 2.125977, "upper": 2.259766}


def _over_before_it_began(message: str) -> Result:
    failed = PhaseEnded(at=BEGIN + 1, phase=Phase.STEADY_STATE, problem=f"no steady state: test_it: {message}")
    steady = [record for record in records()[:2] if not isinstance(record, PhaseEnded)]
    bad = check(Phase.STEADY_STATE, 0.5, "failed", message)
    seen = watched(probes(48, {20: Outcome.HTTP_ERROR}), pool=LOOKS)
    return evaluate(history(seen, records=(*steady, bad, failed, records()[-1])))


def test_a_drill_that_did_not_take_place_says_so_and_nothing_else():
    result = _over_before_it_began("AssertionError: assert 1 == 2\n  Differing items:\n  3")
    assert texts(result) == [
        "no steady state at the start: endpoint: test_it: AssertionError: assert 1 == 2",
        "server_crash was not shown to have an effect on gpu2: nothing was recorded",
    ]
    assert [(one.name, one.met, one.judged) for one in result.objectives] == [
        ("rto_s", None, False),
        ("failed_requests", None, False),
    ]
    assert result.objectives[1].actual == Interval(lower=1, upper=1)
    assert "Differing items" in str(result.checks[0].message)


def test_a_long_line_is_cut_in_a_reason():
    result = _over_before_it_began("x" * 500)
    assert texts(result)[0] == "no steady state at the start: endpoint: test_it: " + "x" * 199 + "…"
    assert result.checks[0].message == "x" * 500
