"""Detection by an alert, alone and beside the load balancer, against values worked out by hand."""

from collections.abc import Sequence

import pytest

from drill_runner.evaluate import evaluate
from drill_runner.evaluate.history import History
from drill_runner.model.base import Interval
from drill_runner.model.drill import Detection, Objectives
from drill_runner.model.result import Mark, Result, Verdict
from drill_runner.model.sample import AlertSample, PoolSample
from tests.unit.runs import BEGIN, LOOKS, history, look, plan, probe, probes, watched

NAME = "ModelIntegrity"
SINCE = "2026-11-24T10:15:02.000Z"
ALERT = Detection(alert=NAME, within_s=1)
BOTH = Detection(load_balancer="down", alert=NAME, within_s=1)


def alerts(at: float, *names: str) -> AlertSample:
    """Alertmanager, asked `at` seconds after the observer's start; the fault's effect is at 2.0 to 2.0625 s."""
    return AlertSample(asked=BEGIN + at, answered=BEGIN + at + 0.0625, firing=dict.fromkeys(names, SINCE))


def silent(at: float) -> AlertSample:
    return AlertSample(asked=BEGIN + at, answered=BEGIN + at + 1, firing=None, error="HTTP status 502")


FIRED = (alerts(1.5), alerts(2.0, "Other"), alerts(2.5, "Other", NAME), alerts(4.0))
NEVER = (alerts(1.5), alerts(2.5, "Other"), alerts(4.0))


def run(
    seen: Sequence[AlertSample],
    detection: Detection = ALERT,
    pool: Sequence[PoolSample] = LOOKS,
    objectives: Objectives | None = None,
) -> History:
    return history((*watched(probes(48), pool=pool), *seen), plan=plan(objectives, detection=detection))


def detected(result: Result) -> Mark:
    return next(mark for mark in result.marks if mark.name == "detected")


def test_an_alert_is_bounded_by_the_looks_on_either_side():
    result = evaluate(run(FIRED, objectives=Objectives(detect_s=1)))
    assert detected(result).instant == Interval(lower=2.0, upper=2.5625)
    assert detected(result).since_effect == Interval(lower=0.0, upper=0.5625)
    assert detected(result).evidence == f"alert {NAME} fired; its own time stamp is {SINCE}"
    assert result.objectives[0].actual == Interval(lower=0.0, upper=0.5625)
    assert result.verdict is Verdict.PASSED


def test_looks_without_an_answer_widen_the_bounds():
    seen = (alerts(1.5), silent(2.0), alerts(2.5, NAME))
    assert detected(evaluate(run(seen))).instant == Interval(lower=1.5, upper=2.5625)


def test_who_noticed_last_counts():
    result = evaluate(run(FIRED, BOTH))
    # The load balancer: 1.0 to 2.3125 s.
    assert detected(result).instant == Interval(lower=2.0, upper=2.5625)
    assert detected(result).evidence == (
        f"the load balancer had gpu2 out of its pool; alert {NAME} fired; its own time stamp is {SINCE}"
    )
    assert result.verdict is Verdict.PASSED


def test_an_alert_that_ended_before_the_effect_may_fire_anew():
    seen = (alerts(0.5, NAME), alerts(1.5), alerts(2.5, NAME))
    assert detected(evaluate(run(seen))).instant == Interval(lower=1.5, upper=2.5625)


def test_what_fires_after_the_revert_is_no_detection():
    assert detected(evaluate(run((*NEVER, alerts(5.5, NAME))))).instant is None


def test_a_replica_that_stays_in_the_pool_answers_for_itself_where_only_an_alert_is_demanded():
    seen = probes(48, {20: probe(20, replica="gpu2")})
    stayed = (look(1), look(4))
    for detection, known in ((ALERT, True), (BOTH, False)):
        result = evaluate(history((*watched(seen, pool=stayed), *FIRED), plan=plan(detection=detection)))
        back = next(mark for mark in result.marks if mark.name == "replica_back")
        assert (back.instant is not None) is known


NOT = "the fault was not detected, promised within 1 s: "
CASES: dict[str, tuple[History, Verdict, str]] = {
    "never fired": (run(NEVER), Verdict.FAILED, f"{NOT}alert {NAME} was never seen to fire"),
    "fired too late": (
        run((alerts(1.5), alerts(3.5), alerts(4.0, NAME))),
        Verdict.FAILED,
        "the fault was detected after 1.44 to 2.06 s, promised within 1 s",
    ),
    "bounds leave it open": (
        run((alerts(1.5), alerts(2.5), alerts(4.0, NAME))),
        Verdict.INCONCLUSIVE,
        "the fault was detected after 0.44 to 2.06 s, promised within 1 s",
    ),
    "fired before": (
        run((alerts(1.5, NAME), alerts(2.5, NAME))),
        Verdict.INCONCLUSIVE,
        f"{NOT}alert {NAME} fired before the fault had its effect",
    ),
    "not seen before": (
        run((silent(1), alerts(2.5, NAME))),
        Verdict.INCONCLUSIVE,
        f"{NOT}alert {NAME} was never seen not to fire",
    ),
    "never answered": (
        run((silent(1), silent(3))),
        Verdict.INCONCLUSIVE,
        f"{NOT}Alertmanager did not answer after the effect: HTTP status 502",
    ),
    "never asked": (run(()), Verdict.INCONCLUSIVE, f"{NOT}Alertmanager did not answer after the effect"),
    "answered before the effect only": (
        run((alerts(1.5), silent(3))),
        Verdict.INCONCLUSIVE,
        f"{NOT}Alertmanager did not answer after the effect: HTTP status 502",
    ),
    "not seen for long enough": (
        run((alerts(1.5), alerts(2.5), silent(3.5))),
        Verdict.INCONCLUSIVE,
        f"{NOT}alert {NAME} did not fire before Alertmanager was last seen",
    ),
    "both, and the alert never fired": (run(NEVER, BOTH), Verdict.FAILED, f"{NOT}alert {NAME} was never seen to fire"),
    "both, and Alertmanager never answered": (
        run((silent(1), silent(3)), BOTH),
        Verdict.INCONCLUSIVE,
        f"{NOT}Alertmanager did not answer",
    ),
    "both, and the replica stayed": (
        run(FIRED, BOTH, pool=(look(1), look(4))),
        Verdict.FAILED,
        f"{NOT}gpu2 was never seen to leave the load balancer's pool",
    ),
    "both, the replica stayed and Alertmanager never answered": (
        run((silent(1), silent(3)), BOTH, pool=(look(1), look(4))),
        Verdict.FAILED,
        f"{NOT}gpu2 was never seen to leave the load balancer's pool; Alertmanager did not answer",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_the_verdict_by_an_alert(case: str):
    judged, verdict, text = CASES[case]
    result = evaluate(judged)
    assert result.reasons[0].text.startswith(text)
    assert (result.verdict, result.reasons[0].verdict) == (verdict, verdict)
