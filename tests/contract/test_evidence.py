"""Evidence is read from real playbooks on this machine, and no lack of it ends a drill."""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest

from drill_runner.catalog import Project
from drill_runner.drill import phases
from drill_runner.drill.progress import Quiet
from drill_runner.drill.session import Session
from drill_runner.evaluate.history import read_run
from drill_runner.execute import run_playbook
from drill_runner.journal import Journal
from drill_runner.model.plan import Phase, Step
from drill_runner.model.record import EvidenceCollected, Record
from drill_runner.model.sample import Sample
from tests.unit.runs import history, plan, write

if TYPE_CHECKING:
    from drill_runner.observe.process import Observer

pytestmark = pytest.mark.slow  # starts Ansible

ROOT = Path(__file__).parents[2]
HOSTS = """\
[llm_servers]
gpu2 ansible_connection=local
away ansible_host=127.0.0.1 ansible_port=1

[all:vars]
ansible_become=false
ansible_python_interpreter="{{ ansible_playbook_python }}"
"""


@pytest.fixture
def inventory(tmp_path: Path) -> Path:
    path = tmp_path / "hosts.ini"
    path.write_text(HOSTS)
    return path


def test_a_host_s_clock_is_read_between_two_readings_of_ours(inventory, tmp_path):
    run = run_playbook(ROOT, "evidence", inventory, variables={"evidence_targets": "gpu2"}, keep=tmp_path / "kept")
    assert run.failures == ()
    (one,) = run.evidence
    assert one.host == "gpu2"
    assert len(one.told.exchanges) == 6
    for exchange in one.told.exchanges:  # this host's clock is the controller's
        assert run.started < exchange.asked < exchange.monotonic < exchange.answered < run.ended


def test_a_host_that_is_away_keeps_nothing_from_the_others(inventory, tmp_path):
    variables = {"evidence_targets": "gpu2,away"}
    run = run_playbook(ROOT, "evidence", inventory, variables=variables, keep=tmp_path / "kept")
    assert [one.host for one in run.evidence] == ["gpu2"]
    assert run.ok


class SimulatedObserver:
    """Sees nothing."""

    def poll(self) -> tuple[Sample, ...]:
        return ()


@pytest.fixture
def session(tmp_path: Path, inventory: Path) -> Iterator[Session]:
    folder = write(history(), tmp_path / "run")
    (folder / "journal.jsonl").unlink()
    steps = (Step(phase=Phase.EVIDENCE, does="Ask"),)
    with Journal(folder / "journal.jsonl") as journal:
        yield Session(
            plan=replace(plan(), steps=steps),
            project=Project(root=ROOT),
            inventory=inventory,
            folder=folder,
            journal=journal,
            observer=cast("Observer", SimulatedObserver()),
            progress=Quiet(),
            stop=lambda: None,
        )


def collected(session: Session) -> EvidenceCollected:
    phases.evidence(session)
    return next(one for one in read_run(session.folder).records if isinstance(one, EvidenceCollected))


def test_what_was_collected_is_in_the_run_s_folder(session):
    assert collected(session).hosts == ("gpu2",)
    assert [one.host for one in read_run(session.folder).evidence] == ["gpu2"]


def broken_playbook(session: Session) -> None:
    session.project = Project(root=session.folder)


def told_to_stop(session: Session) -> None:
    session.stop = lambda: "Ctrl-C"


@pytest.mark.parametrize(("spoil", "problem"), [(broken_playbook, "evidence"), (told_to_stop, "Ctrl-C")])
def test_no_lack_of_evidence_ends_a_drill(session, spoil: Callable[[Session], None], problem: str):
    spoil(session)
    found: Record = collected(session)
    assert isinstance(found, EvidenceCollected)
    assert found.hosts == ()
    assert problem in (found.problem or "")
    assert found.at < time.monotonic()
    assert not (session.folder / "evidence.jsonl").exists()
