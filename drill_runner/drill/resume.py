"""A run whose runner died, wound down: its faults ended, the service made whole, and judged by what it left.

It is never carried on. Nobody watched from the client's place while the runner was dead, so whatever it would measure
from then on could not be believed; the drill can be run again in full.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from drill_runner.catalog import Project
from drill_runner.drill import phases
from drill_runner.drill.folder import only_one
from drill_runner.drill.judged import judged, utc_now
from drill_runner.drill.progress import Progress
from drill_runner.drill.run import Done
from drill_runner.drill.session import DrillOverError, Session
from drill_runner.errors import UsageError
from drill_runner.evaluate.history import History, read_run
from drill_runner.journal import Journal
from drill_runner.model.base import Interval
from drill_runner.model.plan import Plan
from drill_runner.model.record import Interrupted, PhaseEnded, PhaseStarted, PlaybookStarted, RunEnded
from drill_runner.observe.process import Observer, ObserverDiedError, config_for

SAMPLES = "samples-resumed.jsonl"
"""What is seen meanwhile, to know when the service is whole. It is no part of the run's measurement."""


@dataclass(frozen=True)
class DeadRun:
    """What a run left whose runner died."""

    plan: Plan
    history: History


def dead_run(folder: Path) -> DeadRun:
    """Read it.

    Raises:
        UsageError: It has ended, or it is no drill's run.
    """
    history = read_run(folder)
    if not isinstance(history.plan, Plan):
        raise UsageError(f"{folder}: expected the run of a drill, with a plan.json that can be read")
    if any(isinstance(record, RunEnded) for record in history.records):
        raise UsageError(f"{folder}: this run has ended; expected one whose runner died")
    return DeadRun(plan=history.plan, history=history)


def resume(
    folder: Path, project: Project, inventory: Path, *, progress: Progress, stop: Callable[[], str | None]
) -> Done:
    """End the faults of the run in `folder`, run its recovery, check, and judge it: inconclusive, at best.

    Safe to run again when it was cut short itself.

    Args:
        folder: The run's.
        project: Where playbooks and checks are.
        inventory: The inventory that the run was made for.
        progress: Told what happens.
        stop: Why to stop, once there is a reason; the faults are ended all the same.

    Raises:
        UsageError: The run has ended, is under way, or its folder cannot be read or written.
    """
    with only_one(_runs(folder)):
        dead = dead_run(folder)
        plan, history = dead.plan, dead.history
        with Journal(folder / "journal.jsonl", again=True) as journal:
            journal.write(Interrupted(at=time.monotonic(), why=f"its runner died {_where(history)}; it was wound down"))
            session = Session(
                plan=plan,
                project=project,
                inventory=inventory,
                folder=folder,
                journal=journal,
                observer=Observer(config_for(plan.endpoint, plan.probe), folder / SAMPLES),
                progress=progress,
                stop=stop,
                playbooks=_played(folder),
            )
            _wind_down(session, armed=_armed(history))
        return Done(result=judged(folder), folder=folder, reverted=session.clean)


def _wind_down(session: Session, *, armed: bool) -> None:
    session.clean = not armed
    try:
        phases.revert(session, armed=armed)
        session.reverting = False
        if armed and session.clean:
            _make_whole(session)
    finally:
        session.reverting = True  # nothing may keep the end from being written
        session.write(RunEnded(at=time.monotonic(), utc=utc_now(), reverted=session.clean))


def _make_whole(session: Session) -> None:
    now = time.monotonic()
    try:
        (session.folder / SAMPLES).unlink(missing_ok=True)
        with session.observer:
            phases.evidence(session)
            phases.recover(session, {host: Interval(lower=now, upper=now) for host in session.plan.targets})
            phases.postconditions(session)
    except (DrillOverError, ObserverDiedError) as problem:
        session.progress.note(str(problem))


def _runs(folder: Path) -> Path:
    """The folder that has the lock: one further up for a run of a repeated drill."""
    above = folder.resolve().parent
    return above if (above / ".lock").exists() or not (above.parent / ".lock").exists() else above.parent


def _armed(history: History) -> bool:
    """Whether anything can have been armed. A journal that cannot be read in full proves nothing."""
    told = any(isinstance(one, PlaybookStarted) and one.playbook == "fault_inject" for one in history.records)
    return told or bool(history.problems)


def _where(history: History) -> str:
    ended = {record.phase for record in history.records if isinstance(record, PhaseEnded)}
    under_way = [one.phase for one in history.records if isinstance(one, PhaseStarted) and one.phase not in ended]
    if under_way:
        return f"in the phase {under_way[-1].replace('_', ' ')}"
    return "between two phases" if ended else "before its first phase"


def _played(folder: Path) -> int:
    """The highest number of a playbook of this run, so that none is given twice."""
    numbers = [int(path.name.partition("-")[0]) for path in (folder / "artifacts").glob("[0-9]*-*")]
    return max(numbers, default=0)
