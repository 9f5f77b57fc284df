"""A drill from its plan to its result: the list of stages, and the promise that what was armed is reverted."""

import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from drill_runner.catalog import Project
from drill_runner.drill import phases
from drill_runner.drill.folder import new_folder, only_one
from drill_runner.drill.judged import judged, utc_now
from drill_runner.drill.preflight import refuse_other_leases
from drill_runner.drill.progress import Progress
from drill_runner.drill.session import DamageError, DrillOverError, Session, StoppedError
from drill_runner.drill.versions import versions
from drill_runner.journal import Journal
from drill_runner.model.plan import Plan
from drill_runner.model.record import DamageExceeded, Delay, Interrupted, RunEnded, RunStarted
from drill_runner.model.result import Result
from drill_runner.observe.process import Observer, ObserverDiedError, config_for


@dataclass(frozen=True)
class Done:
    """A run that is over."""

    result: Result
    folder: Path
    reverted: bool
    """Every lease was shown to be gone."""


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
        UsageError: Another run is under way or has left a fault, or the folder cannot be written.
    """
    with only_one(runs):
        refuse_other_leases(project, inventory, progress)
        done = carry_out(plan, project, inventory, runs / plan.run_id, progress=progress, stop=stop)
    return done.result, done.folder


def carry_out(
    plan: Plan,
    project: Project,
    inventory: Path,
    folder: Path,
    *,
    progress: Progress,
    stop: Callable[[], str | None],
    delay: Delay | None = None,
) -> Done:
    """The same in `folder`, for one who holds the lock; waits for `delay` between steady state and fault."""
    new_folder(folder, plan)
    with Journal(folder / "journal.jsonl") as journal:
        journal.write(
            RunStarted(at=time.monotonic(), utc=utc_now(), run_id=plan.run_id, versions=versions(plan, project))
        )
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
            delay=delay,
        )
        _conduct(session)
    return Done(result=judged(folder), folder=folder, reverted=session.clean)


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
        session.write(RunEnded(at=time.monotonic(), utc=utc_now(), reverted=session.clean))


def _stages(session: Session) -> None:
    armed = False
    beside = ExitStack()
    try:
        phases.steady_state(session)
        armed, session.clean = True, False
        beside.enter_context(session.renewing())
        effects = phases.inject(session)
        phases.observe(session, effects)
        phases.recover(session, effects)
        phases.postconditions(session)
    except StoppedError as problem:
        _interrupted(session, str(problem))
    except DamageError as problem:
        session.progress.note(f"more damage than was agreed on: {problem}")
        session.write(DamageExceeded(at=time.monotonic(), what=str(problem)))
    except DrillOverError as problem:
        session.progress.note(str(problem))
    finally:
        try:
            if armed:
                phases.evidence(session)
        finally:
            beside.close()
            phases.revert(session, armed=armed)


def _interrupted(session: Session, why: str) -> None:
    session.progress.note(why)
    session.write(Interrupted(at=time.monotonic(), why=why))
