from drill_runner.drill.view import View
from drill_runner.model.base import Interval
from drill_runner.model.sample import AlertSample, Outcome, PoolSample, ProbeSample


def probe(seq: int, outcome: Outcome = Outcome.OK) -> ProbeSample:
    due = seq * 0.05
    return ProbeSample(seq=seq, due=due, sent=due, first_token=None, end=due + 0.01, outcome=outcome)


def pool(asked: float, **servers: str) -> PoolSample:
    return PoolSample(asked=asked, answered=asked + 0.01, servers=servers)


def alerts(asked: float, *names: str) -> AlertSample:
    return AlertSample(asked=asked, answered=asked + 0.01, firing=dict.fromkeys(names, "2026-11-24T10:15:02Z"))


def test_nothing_seen_is_not_good():
    view = View()
    assert view.good_for(100.0) == 0.0
    assert not view.up("gpu1")
    assert view.left_pool("gpu1", 0.0) is None


def test_one_failure_starts_the_count_again():
    view = View()
    view.add([probe(0), probe(1), probe(2, Outcome.TIMEOUT), probe(3), probe(4)])
    assert view.good_in_a_row == 2
    assert view.good_for(1.0) == 1.0 - 3 * 0.05
    assert view.last_failure is not None
    assert view.last_failure.startswith("timeout")


def test_damage_counts_from_when_it_is_told():
    view = View()
    view.add([probe(0), probe(1, Outcome.TIMEOUT)])
    assert (view.failed, view.bad_for(0.2)) == (0, 0.0)
    view.count_from(0.1)
    view.add([probe(1, Outcome.TIMEOUT), probe(2), probe(3, Outcome.HTTP_ERROR), probe(4, Outcome.TIMEOUT)])
    assert view.failed == 2
    assert view.bad_for(1.0) == 1.0 - 2 * 0.05
    view.add([probe(5)])
    assert (view.failed, view.bad_for(9.0)) == (2, 0.0)


def test_without_any_good_answer_the_damage_began_with_the_count():
    view = View()
    view.count_from(0.1)
    view.add([probe(2, Outcome.TIMEOUT)])
    assert view.bad_for(1.1) == 1.0


def test_leaving_the_pool_is_bounded_by_the_looks_on_either_side():
    view = View()
    view.add([pool(1.0, gpu1="UP", gpu2="UP"), pool(1.2, gpu1="UP", gpu2="UP"), pool(1.4, gpu1="DOWN", gpu2="UP")])
    assert view.left_pool("gpu1", 0.0) == Interval(lower=1.2, upper=1.41)
    assert view.left_pool("gpu2", 0.0) is None
    assert not view.up("gpu1")


def test_a_replica_that_was_down_before_the_fault_did_not_leave_because_of_it():
    view = View()
    view.add([pool(1.0, gpu1="UP"), pool(1.2, gpu1="DOWN"), pool(2.0, gpu1="UP"), pool(5.0, gpu1="UP")])
    assert view.left_pool("gpu1", after=3.0) is None
    view.add([pool(5.2, gpu1="MAINT")])
    assert view.left_pool("gpu1", after=3.0) == Interval(lower=5.0, upper=5.21)


def test_statistics_that_do_not_answer_prove_nothing():
    view = View()
    view.add([pool(1.0, gpu1="UP"), PoolSample(asked=1.2, answered=1.21, servers={}, error="gone")])
    assert view.up("gpu1")
    assert view.left_pool("gpu1", 0.0) is None


def test_an_alert_is_bounded_by_the_looks_on_either_side():
    view = View()
    silent = AlertSample(asked=2.0, answered=2.01, firing=None, error="gone")
    view.add([alerts(1.0, "Other"), alerts(1.5, "Other"), silent])
    assert (view.firing, view.alerts_problem) == (frozenset({"Other"}), "gone")
    view.add([alerts(2.5, "Other", "Rot"), alerts(3.0, "Rot")])
    assert (view.firing, view.alerts_problem) == (frozenset({"Rot"}), None)
    assert view.fired("Rot", after=2.2) == Interval(lower=1.5, upper=2.51)
    assert view.fired("Rot", after=2.6) is None


def test_an_alert_that_fired_before_did_not_fire_because_of_the_fault():
    view = View()
    view.add([alerts(1.0, "Rot"), alerts(1.5, "Rot"), alerts(2.0, "Rot")])
    assert view.fired("Rot", after=0.0) is None
    view.add([alerts(2.5), alerts(3.0, "Rot")])
    assert view.fired("Rot", after=2.2) == Interval(lower=2.5, upper=3.01)
