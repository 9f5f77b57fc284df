"""A drill from its plan to its result: the list of stages, and the promise that what was armed is reverted."""

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path

from pydantic import TypeAdapter

from drill_runner.catalog import Project
from drill_runner.drill import phases
from drill_runner.drill.progress import Progress
from drill_runner.drill.session import DrillOverError, Session, StoppedError
from drill_runner.drill.versions import versions
from drill_runner.errors import UsageError
from drill_runner.evaluate import evaluate, to_json
from drill_runner.evaluate.history import read_run
from drill_runner.journal import Journal
from drill_runner.model.plan import Plan
from drill_runner.model.record import Interrupted, RunEnded, RunStarted
from drill_runner.model.result import Result
from drill_runner.observe.process import Observer, ObserverDiedError, config_for
from drill_runner.report import write_all

PLAN = TypeAdapter(Plan)


def run_drill(
    plan: Plan, project: Project, inventory: Path, runs: Path, *, progress: Progress, stop: Callable[[], str | None]
) -> tuple[Result, Path]:
    """Carry out `plan`, and judge it.

    Args:
        plan: What was decided.
        project: Where playbooks and checks are.
        inventory: The inventory that the plan was made for.
        runs: Folder for run folders; made if it is not there.
        progress: Told what happens.
        stop: Why to stop, once there is a reason; asked all the time.

    Returns:
        The result and the run's folder.

    Raises:
        UsageError: Another run is under way, or the folder cannot be written.
    """
    with ExitStack() as stack:
        folder = stack.enter_context(_folder(runs, plan))
        journal = stack.enter_context(Journal(folder / "journal.jsonl"))
        journal.write(RunStarted(at=time.monotonic(), utc=_utc(), run_id=plan.run_id, versions=versions(project, plan)))
        observer = Observer(config_for(plan.inventory.endpoint, plan.drill.probe), folder / "samples.jsonl")
        session = Session(
            plan=plan,
            project=project,
            inventory=inventory,
            folder=folder,
            journal=journal,
            observer=observer,
            progress=progress,
            stop=stop,
        )
        _conduct(session)
    return _judge(folder, plan)


def _conduct(session: Session) -> None:
    """The stages in order. Whatever happens, what was armed is reverted and the journal says how it ended."""
    try:
        with session.observer:
            _stages(session)
    except ObserverDiedError as problem:
        _interrupted(session, str(problem))
    except Exception as problem:
        _interrupted(session, f"error in drill_runner: {type(problem).__name__}: {problem}")
        raise
    finally:
        session.write(RunEnded(at=time.monotonic(), utc=_utc(), reverted=session.clean))


def _stages(session: Session) -> None:
    armed = False
    try:
        phases.steady_state(session)
        armed = True
        effects = phases.inject(session)
        phases.observe(session, effects)
        phases.recover(session, effects)
        phases.postconditions(session)
    except StoppedError as problem:
        _interrupted(session, str(problem))
    except DrillOverError as problem:
        session.progress.note(str(problem))
    finally:
        phases.revert(session, armed=armed)


def _interrupted(session: Session, why: str) -> None:
    session.progress.note(why)
    session.write(Interrupted(at=time.monotonic(), why=why))


def _judge(folder: Path, plan: Plan) -> tuple[Result, Path]:
    history = read_run(folder)
    result = evaluate(history)
    write_all(folder, result, history.samples, plan, result_json=to_json(result))
    return result, folder


@contextmanager
def _folder(runs: Path, plan: Plan) -> Iterator[Path]:
    """The run's own folder, with the plan in it, while no other run is under way."""
    try:
        runs.mkdir(parents=True, exist_ok=True)
        lock = os.open(runs / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise UsageError(f"{runs}: cannot be written: {error.strerror}") from error
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise UsageError(f"{runs}: another drill is under way; expected one at a time") from error
        folder = runs / plan.run_id
        folder.mkdir()
        (folder / "plan.json").write_bytes(PLAN.dump_json(plan, indent=2) + b"\n")
        yield folder
    finally:
        os.close(lock)


def _utc() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
