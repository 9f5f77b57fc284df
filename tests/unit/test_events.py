"""What a drill learns from ansible-runner's events. With a real Ansible: tests/contract/test_ansible_runner.py."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from drill_runner.execute import events
from drill_runner.execute.events import Events
from drill_runner.execute.told import LeaseFound, RenewalOn
from drill_runner.model.base import Interval

UTC_NOW = datetime(2026, 11, 28, 12, 0, tzinfo=UTC)
NOW = 1000.0
"""The same instant on the monotonic clock."""


@pytest.fixture(autouse=True)
def clocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both stand still."""
    monkeypatch.setattr(events, "time", SimpleNamespace(monotonic=lambda: NOW, time=UTC_NOW.timestamp))


def event(kind: str, ago_s: float = 0.0, result: object = None, **details: object) -> dict[str, object]:
    """What ansible-runner hands over of something that happened `ago_s` ago."""
    about = {"host": "gpu1", "task": "Break it", "task_uuid": "one", "task_action": "fault_lease"}
    return {
        "event": kind,
        "created": (UTC_NOW - timedelta(seconds=ago_s)).isoformat(),
        "event_data": about | {"res": result} | details,
    }


def after(*happened: dict[str, object]) -> Events:
    told = Events(lambda _: None)
    assert all(told(one) for one in happened)
    return told


def effect(**changed: object) -> dict[str, object]:
    return {"effect": {"shown": True, "evidence": "gone", "age_min_s": 0.5, "age_max_s": 2.0} | changed}


def test_an_effect_began_after_its_task_and_as_long_ago_as_the_target_says_at_least():
    told = after(event("runner_on_start", 4.0), event("runner_on_ok", 1.0, effect()))
    (one,) = told.effects
    assert (one.host, one.took_hold) == ("gpu1", Interval(lower=NOW - 4.0, upper=NOW - 1.5))


def test_it_never_began_before_its_task_whatever_the_target_says():
    told = after(event("runner_on_start", 4.0), event("runner_on_ok", 1.0, effect(age_min_s=60.0, age_max_s=61.0)))
    assert told.effects[0].took_hold == Interval(lower=NOW - 4.0, upper=NOW - 4.0)


def test_the_start_is_of_the_same_task_on_the_same_host():
    told = after(
        event("runner_on_start", 4.0),
        event("runner_on_start", 3.0, host="gpu2"),
        event("runner_on_start", 2.0, task_uuid="another"),
        event("runner_on_ok", 1.0, effect()),
    )
    assert told.effects[0].took_hold.lower == NOW - 4.0


def test_an_effect_of_a_task_that_failed_counts_too():
    told = after(event("runner_on_failed", 1.0, effect(shown=False) | {"msg": "no proof"}))
    assert (told.effects[0].effect.shown, told.failures) == (False, ["gpu1: Break it: no proof"])


def test_what_is_no_effect_is_a_failure():
    told = after(event("runner_on_ok", 1.0, {"effect": {"shown": True}}))
    assert told.effects == []
    assert told.failures == ["gpu1: fault_lease answered what is not an effect: Field required"]


def test_a_stamp_that_cannot_be_read_or_lies_ahead_is_now():
    unreadable = event("runner_on_ok", 0.0, effect(age_min_s=0.0)) | {"created": "today"}
    ahead = event("runner_on_ok", -5.0, effect(age_min_s=0.0))
    assert {one.took_hold.upper for one in after(unreadable, ahead).effects} == {NOW}


def test_leases_found_and_renewed():
    found = [{"id": "a-1", "status": "held", "fault": "server_hang", "run": None}, "no lease"]
    told = after(
        event("runner_on_ok", result={"leases": found}, task_action="fault_lease_info"),
        event("runner_on_ok", result={"renewed": ["a-1"]}),
        event("runner_on_failed", result={"renewed": ["a-2"], "msg": "gone"}),
    )
    assert told.leases == [LeaseFound(host="gpu1", id="a-1", status="held", fault="server_hang", run="")]
    assert told.renewals == [RenewalOn(host="gpu1", leases=("a-1",))]


def test_a_lease_says_itself_whom_it_breaks_and_counts_once():
    found = [{"id": "a-1", "status": "held", "fault": "host_loss", "run": "x", "host": "gpu2"}]
    told = after(
        event("runner_item_on_ok", result={"leases": found}, task_action="fault_lease_info"),
        event("runner_on_ok", result={"results": [{"leases": found}]}, task_action="fault_lease_info"),
        event("runner_on_ok", result={"leases": found}, task_action="fault_lease_info", host="store1"),
    )
    assert told.leases == [LeaseFound(host="gpu2", id="a-1", status="held", fault="host_loss", run="x")]


def test_failures_say_host_task_and_reason_once_and_on_one_line():
    told = after(
        event("runner_on_failed", result={"msg": "no\n such   file", "stderr": "cat: x"}),
        event("runner_on_failed", result={"msg": "same", "stderr": "same"}),
        event("runner_on_failed", result={"msg": "ignored"}, ignore_errors=True),
        event("runner_on_failed", result={"censored": "hidden by no_log"}),
        event("runner_on_unreachable", result={"msg": "no route"}, host="gpu2"),
        event("runner_on_failed", result=None),
    )
    assert told.failures == [
        "gpu1: Break it: no such file: cat: x",
        "gpu1: Break it: same",
        "gpu1: Break it: hidden by no_log",
        "gpu2: Break it: no route",
        "gpu1: Break it: no message",
    ]
    assert told.unreachable == {"gpu2"}


def test_tasks_are_told_and_an_event_of_another_make_is_passed_by():
    tasks: list[str] = []
    told = Events(tasks.append)
    assert told({"event": "verbose", "event_data": None})
    assert told(event("playbook_on_task_start", task="Arm it"))
    assert tasks == ["Arm it"]
