"""The runner waits for whom a drill names. Its observer is simulated: it says what a test scripts."""

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from drill_runner.catalog import Project
from drill_runner.drill import phases
from drill_runner.drill.progress import Quiet
from drill_runner.drill.session import DrillOverError, Session
from drill_runner.journal import RECORD, Journal
from drill_runner.model.base import Interval
from drill_runner.model.drill import Detection
from drill_runner.model.record import Detected, Whole
from drill_runner.model.sample import AlertSample, Outcome, PoolSample, ProbeSample, Sample
from drill_runner.plan.steps import steps
from tests.unit.runs import plan

NAME = "ModelIntegrity"
NOW = time.monotonic()
EFFECT = {"gpu2": Interval(lower=NOW - 10, upper=NOW - 9.9)}
GOOD = ProbeSample(seq=0, due=NOW - 100, sent=NOW - 100, first_token=None, end=NOW - 99, outcome=Outcome.OK)
AFTER_THE_CHECKS = replace(GOOD, due=NOW + 3600)
SILENT = AlertSample(asked=NOW - 9, answered=NOW - 8, firing=None, error="HTTP status 502")


def alerts(ago: float, *names: str) -> AlertSample:
    return AlertSample(asked=NOW - ago, answered=NOW - ago + 0.1, firing=dict.fromkeys(names, "x"))


def pool(ago: float, gpu2: str) -> PoolSample:
    return PoolSample(asked=NOW - ago, answered=NOW - ago + 0.1, servers={"gpu1": "UP", "gpu2": gpu2})


class SimulatedObserver:
    """Has `samples`, all at once."""

    def __init__(self, samples: Sequence[Sample]) -> None:
        self.samples = list(samples)

    def poll(self) -> list[Sample]:
        samples, self.samples = self.samples, []
        return samples


def session(folder: Path, detection: Detection, *samples: Sample) -> Session:
    made = plan(detection=detection)
    drill = replace(made.drill, steady_s=0.1)
    return Session(
        plan=replace(made, drill=drill, steps=tuple(steps(drill, made.leases))),
        project=Project(root=folder),
        inventory=folder,
        folder=folder,
        journal=Journal(folder / "journal.jsonl"),
        observer=SimulatedObserver(samples),  # type: ignore[arg-type]
        progress=Quiet(),
        stop=lambda: None,
        started=NOW - 100,
    )


def told(folder: Path) -> list[tuple[str, str, float]]:
    """Who noticed what, and by when, so many seconds ago."""
    records = [RECORD.validate_json(line) for line in (folder / "journal.jsonl").read_bytes().splitlines()]
    return [(one.by, one.what, round(NOW - one.instant.upper, 3)) for one in records if isinstance(one, Detected)]


ALERT = Detection(alert=NAME, within_s=5)
LOAD_BALANCER = Detection(load_balancer="down", within_s=5)
BOTH = Detection(load_balancer="down", alert=NAME, within_s=5)
FIRED = ("alert", f"alert {NAME} fired", 7.9)
LEFT = ("load_balancer", "gpu2 left the pool", 6.9)


@pytest.mark.parametrize(
    ("detection", "samples", "noticed"),
    [
        (ALERT, [alerts(11), alerts(8, NAME)], [FIRED]),
        (ALERT, [alerts(11, NAME), alerts(8, NAME)], []),
        (ALERT, [alerts(11), alerts(8, "Other")], []),
        (ALERT, [SILENT, alerts(8, NAME)], []),
        (ALERT, [pool(11, "UP"), pool(7, "DOWN")], []),
        (BOTH, [alerts(11), alerts(8, NAME), pool(11, "UP"), pool(7, "DOWN")], [LEFT, FIRED]),
        (BOTH, [alerts(11), alerts(8), pool(11, "UP"), pool(7, "DOWN")], [LEFT]),
    ],
)
def test_the_journal_says_who_noticed(
    tmp_path: Path, detection: Detection, samples: list[Sample], noticed: list[tuple[str, str, float]]
):
    phases.observe(session(tmp_path, detection, *samples), EFFECT)
    assert told(tmp_path) == noticed


def test_it_waits_for_the_alert_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """After the load balancer noticed, until the alert did."""
    late = session(tmp_path, replace(BOTH, within_s=600), alerts(11), pool(11, "UP"), pool(7, "DOWN"))
    whats: list[str] = []

    def then_it_fires(_: float) -> None:
        whats.append(told(tmp_path)[0][0])
        late.view.add([alerts(8, NAME)])

    monkeypatch.setattr(time, "sleep", then_it_fires)
    phases.observe(late, EFFECT)
    assert (whats, told(tmp_path)) == (["load_balancer"], [LEFT, FIRED])


@pytest.mark.parametrize(
    ("samples", "why"),
    [
        ([alerts(9, NAME)], f"no steady state: alert {NAME} is firing already"),
        ([SILENT], "no steady state: Alertmanager never answered; last: HTTP status 502"),
        ([alerts(9, "Other")], None),
    ],
)
def test_nothing_is_broken_for_an_alert_that_cannot_tell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, samples: list[Sample], why: str | None
):
    monkeypatch.setattr(Session, "check", lambda *_: ())
    monkeypatch.setattr(phases, "ALERTMANAGER_WITHIN_S", 0.0)
    steady = session(tmp_path, ALERT, GOOD, AFTER_THE_CHECKS, *samples)
    if why is None:
        phases.steady_state(steady)
        return
    with pytest.raises(DrillOverError) as over:
        phases.steady_state(steady)
    assert str(over.value) == why


def recovered(folder: Path, servers: dict[str, str], target: str) -> list[str]:
    """What the runner says is whole, 10 s after `target` was hit, with enough good answers and the pool as it is."""
    answers = [replace(GOOD, seq=seq, due=NOW - 5 + seq / 10) for seq in range(4)]
    look = PoolSample(asked=NOW - 1, answered=NOW - 0.9, servers=servers)
    running = session(folder, Detection(load_balancer="down", within_s=5), *answers, look)
    brief = replace(running.plan.drill, settle_s=0, recovery=replace(running.plan.drill.recovery, within_s=0.2))
    endpoint = replace(running.plan.inventory.endpoint, pool_stats_url="http://127.0.0.1:1", pool_backend="b")
    running.plan = replace(running.plan, drill=brief, inventory=replace(running.plan.inventory, endpoint=endpoint))
    phases.recover(running, {target: Interval(lower=NOW - 10, upper=NOW - 9.9)})
    records = [RECORD.validate_json(line) for line in (folder / "journal.jsonl").read_bytes().splitlines()]
    return [one.what for one in records if isinstance(one, Whole)]


def test_a_replica_is_whole_when_it_is_in_the_pool(tmp_path: Path):
    assert recovered(tmp_path, {"gpu1": "UP", "gpu2": "UP"}, "gpu2") == ["gpu2 in the pool, 4 good answers in a row"]


def test_a_replica_out_of_the_pool_is_not_whole(tmp_path: Path):
    with pytest.raises(DrillOverError, match="not whole"):
        recovered(tmp_path, {"gpu1": "UP", "gpu2": "DOWN"}, "gpu2")


def test_what_is_no_replica_is_not_waited_for_in_the_pool(tmp_path: Path):
    assert recovered(tmp_path, {"gpu1": "UP", "gpu2": "UP"}, "store1") == ["4 good answers in a row"]


def test_a_pool_that_was_never_seen_is_not_whole(tmp_path: Path):
    with pytest.raises(DrillOverError, match="not whole"):
        recovered(tmp_path, {}, "store1")


def test_nothing_is_broken_where_the_last_good_answer_is_older_than_the_checks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """A service that went silent while they ran was good for long enough, and no probe has failed yet."""
    monkeypatch.setattr(Session, "check", lambda *_: ())
    monkeypatch.setattr(phases, "STEADY_WITHIN_S", 0.2)
    with pytest.raises(DrillOverError, match="clients were not answered well"):
        phases.steady_state(session(tmp_path, LOAD_BALANCER, GOOD))


def test_clients_are_watched_while_the_checks_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """So that a drill does not wait for as long again when they have ended."""
    pause = time.sleep
    monkeypatch.setattr(Session, "check", lambda *_: pause(0.1) or ())
    monkeypatch.setattr(time, "sleep", lambda _: pytest.fail("it waits once more"))
    phases.steady_state(session(tmp_path, LOAD_BALANCER, GOOD, AFTER_THE_CHECKS))
