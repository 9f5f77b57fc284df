"""Winding down: which runs, from where, and what can have been armed. The winding down itself needs a lab."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from drill_runner.drill import dead_run
from drill_runner.drill.resume import _armed, _played, _runs, _where
from drill_runner.errors import UsageError
from drill_runner.model.plan import Phase
from drill_runner.model.record import PhaseEnded, PhaseStarted, PlaybookStarted, Record, RunEnded
from tests.unit import runs

DEAD = runs.history(records=tuple(one for one in runs.records() if not isinstance(one, RunEnded)))
STARTED = PhaseStarted(at=1.0, phase=Phase.INJECT)
ENDED = PhaseEnded(at=2.0, phase=Phase.INJECT)
ARMED = PlaybookStarted(at=1.5, phase=Phase.INJECT, playbook="fault_inject")


def test_a_run_that_has_ended_is_refused(tmp_path: Path):
    runs.write(runs.history(), tmp_path)
    with pytest.raises(UsageError, match="this run has ended"):
        dead_run(tmp_path)


def test_a_run_without_its_end_is_dead(tmp_path: Path):
    runs.write(DEAD, tmp_path)
    assert dead_run(tmp_path).plan == runs.plan()


def test_a_folder_without_its_plan_is_refused(tmp_path: Path):
    runs.write(DEAD, tmp_path)
    (tmp_path / "plan.json").write_text("{")
    with pytest.raises(UsageError, match=r"plan\.json that can be read"):
        dead_run(tmp_path)


@pytest.mark.parametrize(
    ("records", "where"),
    [
        ([], "before its first phase"),
        ([STARTED], "in the phase inject"),
        ([STARTED, ENDED], "between two phases"),
        ([STARTED, ENDED, PhaseStarted(at=3.0, phase=Phase.STEADY_STATE)], "in the phase steady state"),
    ],
)
def test_where_it_died(records: Sequence[Record], where: str):
    assert _where(runs.history(records=tuple(records))) == where


@pytest.mark.parametrize(
    ("records", "problems", "armed"),
    [([STARTED], [], False), ([STARTED, ARMED], [], True), ([STARTED], ["journal.jsonl is cut off"], True)],
)
def test_what_can_have_been_armed(records: Sequence[Record], problems: Sequence[str], *, armed: bool):
    assert _armed(runs.history(records=tuple(records), problems=tuple(problems))) is armed


def test_the_lock_is_where_the_runner_had_it(tmp_path: Path):
    (tmp_path / ".lock").touch()
    single, repeated = tmp_path / "run", tmp_path / "x3" / "run"
    for folder in (single, repeated):
        folder.mkdir(parents=True)
    assert _runs(single) == _runs(repeated) == tmp_path


def test_no_playbook_s_number_is_given_twice(tmp_path: Path):
    assert _played(tmp_path) == 0
    for name in ("02-fault_inject", "10-fault_revert"):
        (tmp_path / "artifacts" / name).mkdir(parents=True)
    assert _played(tmp_path) == 10
