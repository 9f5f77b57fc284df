"""A drill many times after each other, each time at a moment drawn at random, and what the runs mean together."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

from drill_runner.catalog import Project
from drill_runner.drill.folder import only_one
from drill_runner.drill.preflight import refuse_other_leases
from drill_runner.drill.progress import Progress
from drill_runner.drill.run import carry_out
from drill_runner.drill.summarised import write_summary
from drill_runner.history import draws, row, summarise
from drill_runner.model.plan import Plan
from drill_runner.model.record import Delay
from drill_runner.model.summary import RunRow, Summary
from drill_runner.plan import again, new_run_id

LOOK_EVERY_S = 0.1
LEFT_BROKEN = "not every lease was shown to be gone; what comes after would not tell anything"


def repeat_drill(
    plan: Plan,
    project: Project,
    inventory: Path,
    runs: Path,
    *,
    times: int,
    seed: int,
    span_s: float,
    progress: Progress,
    stop: Callable[[], str | None],
    closed: Callable[[], str | None] = lambda: None,
) -> tuple[Summary, Path]:
    """Carry out `plan` `times` times. An inconclusive run is counted and the next one follows.

    It ends early when it is told to stop, when a run could not revert its faults, and when no further one may begin.
    The summary is written after every run, so that what there is counts however it ends.

    Args:
        plan: What was decided; every run gets its own leases.
        project: Where playbooks and checks are.
        inventory: The inventory that the plan was made for.
        runs: Folder for run folders; made if it is not there.
        times: How often.
        seed: Of the moments.
        span_s: The longest that a fault waits once steady state holds.
        progress: Told what happens.
        stop: Why to stop, once there is a reason; asked all the time.
        closed: Why no further run may begin; asked between them.

    Raises:
        UsageError: Another run is under way or has left a fault, or the folder cannot be written.
    """
    folder = runs / f"{plan.run_id}-x{times}"
    rows: list[RunRow] = []

    def written(stopped: str | None) -> Summary:
        summary = summarise(
            folder.name,
            plan.drill.name,
            plan.drill.summary,
            rows,
            wanted=times,
            stopped=stopped,
            seed=seed,
            span_s=span_s,
        )
        write_summary(folder, summary)
        return summary

    with only_one(runs):
        refuse_other_leases(project, inventory, progress)
        for delay in islice(draws(seed, span_s), times):
            mine = again(plan, _new_id(plan, rows))
            progress.note(f"run {delay.number} of {times}, its fault {delay.seconds:.1f} s after steady state")
            done = carry_out(mine, project, inventory, folder / mine.run_id, progress=progress, stop=stop, delay=delay)
            rows.append(row(done.result))
            progress.note(f"run {delay.number} of {times} {done.result.verdict}: {rows[-1].why}")
            if stopped := _why_stop(delay, times, done.reverted, stop, closed):
                return written(stopped), folder
            written(None if delay.number == times else "it is still under way, or its runner died")
    return written(None), folder


def _why_stop(
    delay: Delay, times: int, reverted: bool, stop: Callable[[], str | None], closed: Callable[[], str | None]
) -> str | None:
    if delay.number == times:
        return None
    return stop() or (closed() if reverted else LEFT_BROKEN)


def _new_id(plan: Plan, before: list[RunRow]) -> str:
    """The first run is the one that was planned. A later one waits for a second that none began in."""
    if not before:
        return plan.run_id
    while (new := new_run_id(plan.drill.name, datetime.now(UTC))) <= before[-1].run_id:
        time.sleep(LOOK_EVERY_S)
    return new
