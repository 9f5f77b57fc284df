"""How old restored data is: bounds that hold the truth, whatever the hosts' clocks say."""

import json
from dataclasses import replace
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from drill_runner.evaluate import evaluate
from drill_runner.evaluate.recovery_points import recovery_points, worst
from drill_runner.model.base import Interval
from drill_runner.model.drill import Objectives
from drill_runner.model.evidence import Exchange, HostEvidence, Restored, Told
from drill_runner.model.plan import Plan
from drill_runner.model.result import RecoveryPoint, Verdict
from drill_runner.report import markdown, text
from plugins.modules import host_evidence as module
from tests.unit.runs import BEGIN, history

EPOCH = 1_800_000_000.0
"""The hosts' wall clock less the controller's monotonic clock."""


def told(*restored: Restored, asked: float = 200.0, width: float = 0.02, offset: float = EPOCH) -> HostEvidence:
    exchange = Exchange(asked=asked, answered=asked + width, monotonic=1.0, realtime=asked + width / 2 + offset)
    return HostEvidence(host="gpu1", told=Told(exchanges=(exchange,), unit=None, events=(), restored=restored))


def weights(begun: float, ended: float, *, restored: float = 150.0, rpo_s: float = 3600.0) -> Restored:
    return Restored(
        kind="weights", snapshot="c0ffee1234", marker=7, begun=EPOCH + begun, ended=EPOCH + ended,
        restored=EPOCH + restored, rpo_s=rpo_s,
    )  # fmt: skip


def test_the_recovery_point_lies_between_the_begin_and_the_end_of_the_backup():
    (point,) = recovery_points([told(weights(40.0, 42.0))], Interval(lower=100.0, upper=100.5))
    assert (point.host, point.kind, point.marker, point.snapshot) == ("gpu1", "weights", 7, "c0ffee1234")
    assert point.actual is not None
    # 58 s less, and 60.5 s plus: half an exchange, and what the clocks may have drifted in 160 s.
    assert 57.97 < point.actual.lower < 58.0
    assert 60.5 < point.actual.upper < 60.53
    assert point.met is True


@given(
    written=st.floats(1, 99), before=st.floats(0, 50), after=st.floats(0, 50), offset=st.floats(-1e6, 1e9),
    width=st.floats(1e-4, 5),
)  # fmt: skip
def test_the_truth_is_never_outside(written, before, after, offset, width):
    kind = Restored(
        kind="ledger", snapshot="x", marker=1, begun=offset + written - before, ended=offset + written + after,
        restored=offset + 150, rpo_s=60,
    )  # fmt: skip
    (point,) = recovery_points([told(kind, width=width, offset=offset)], Interval(lower=100, upper=100))
    assert point.actual is not None
    assert point.actual.lower - 1e-3 <= 100 - written <= point.actual.upper + 1e-3


def test_what_was_restored_before_the_fault_says_nothing_about_it():
    assert recovery_points([told(weights(10.0, 12.0, restored=90.0))], Interval(lower=100, upper=100)) == ()


def test_without_an_effect_nothing_was_lost():
    assert recovery_points([told(weights(40.0, 42.0))], None) == ()


def test_more_lost_than_declared_is_told():
    (point,) = recovery_points([told(weights(40.0, 42.0, rpo_s=30.0))], Interval(lower=100, upper=100))
    assert point.met is False


def test_clocks_that_contradict_each_other_decide_nothing():
    one = told(weights(40.0, 42.0))
    second = Exchange(asked=300.0, answered=300.1, monotonic=2.0, realtime=EPOCH + 400)
    broken = replace(one, told=replace(one.told, exchanges=(*one.told.exchanges, second)))
    (point,) = recovery_points([broken], Interval(lower=100, upper=100))
    assert (point.actual, point.met) == (None, None)
    assert worst([point]) is None


def test_the_worst_is_what_an_objective_is_held_against():
    both = [told(weights(40.0, 42.0), replace(weights(80.0, 81.0), kind="configuration"))]
    points = recovery_points(both, Interval(lower=100, upper=100))
    assert [point.kind for point in points] == ["configuration", "weights"]
    found = worst(points)
    assert found is not None
    assert round(found.upper) == 60


def test_it_is_in_the_result_and_in_what_people_read():
    past = history()
    assert isinstance(past.plan, Plan)
    promised = replace(past.plan, drill=replace(past.plan.drill, objectives=Objectives(rpo_s=10)))
    effect = evaluate(past).marks[0].instant
    assert effect is not None
    now = BEGIN + effect.upper
    kind = replace(weights(0, 0), begun=EPOCH + now - 50, ended=EPOCH + now - 48, restored=EPOCH + now + 5)
    result = evaluate(replace(past, plan=promised, evidence=(told(kind, asked=now + 10),)))
    (point,) = result.recovery_points
    assert isinstance(point, RecoveryPoint)
    (objective,) = [one for one in result.objectives if one.name == "rpo_s"]
    assert (objective.met, result.verdict) == (False, Verdict.FAILED)
    assert "weights on gpu1" in text.render(result, 120)
    assert "Restored: weights on gpu1, RPO ≤ 3600 s, RPA" in markdown.render(result)


def test_the_module_reads_the_records_of_restores(tmp_path: Path):
    record = {
        "kind": "weights", "snapshot": "abc", "marker": 3, "begun": 10.0, "ended": 12.0, "restored": 100.0, "rpo_s": 60,
        "more": "is left out",
    }  # fmt: skip
    (tmp_path / "weights.json").write_text(json.dumps(record))
    (tmp_path / "old.json").write_text(json.dumps(record | {"restored": 5.0}))
    (tmp_path / "half.json").write_text("{")
    (tmp_path / "other.json").write_text("[1]")
    (found,) = module.restored_since(tmp_path, 50.0)
    assert found == {key: record[key] for key in module.RESTORED}
    assert list(module.restored_since(tmp_path / "nowhere", 0.0)) == []
