"""`drill_runner run`."""

import secrets
from functools import partial
from pathlib import Path

import click
from pydantic import TypeAdapter
from rich.console import Console

from drill_runner.catalog import Project
from drill_runner.cli.audited import action_of, audited
from drill_runner.cli.options import drill_argument, examples, inventory_option, json_as
from drill_runner.cli.planning import approved, inventory_of, plan_for, project_of, why_not_now
from drill_runner.cli.progress import shown
from drill_runner.cli.settings import ExitCode, Settings
from drill_runner.cli.signals import asked_to_stop
from drill_runner.drill import repeat_drill, run_drill
from drill_runner.errors import UsageError
from drill_runner.evaluate import to_json
from drill_runner.history import stored_rows, summary_json
from drill_runner.model.plan import Plan
from drill_runner.model.result import Result
from drill_runner.model.summary import Summary
from drill_runner.report import REPORT
from drill_runner.report.many import show_summary
from drill_runner.report.plan_text import plan_text
from drill_runner.report.text import show

DELAY_S = 10.0
"""Longer than whatever goes round in the lab: health checks, the agent, the observer's and HAProxy's periods."""
SEEDS = 2**32
NOT_ASKED = "No host was asked: only a run shows whether the service is steady, and whether other faults are active."


@click.command(
    "run",
    epilog=examples(
        "drill_runner run server_crash",
        "drill_runner run host_loss -i inventories/prod",
        "drill_runner run weights_corruption --json | jq .verdict",
        "drill_runner run server_crash --repeat 10",
        "drill_runner run host_loss -i inventories/prod --dry-run",
    ),
)
@drill_argument
@inventory_option
@click.option(
    "--runs",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for what runs leave. [default: the project's runs]",
)
@click.option("--repeat", type=click.IntRange(min=1), metavar="N", help="Run it N times, each at a random moment.")
@click.option("--seed", type=click.IntRange(min=0), help="Of the random moments. [default: drawn, and recorded]")
@click.option(
    "--random-delay-s",
    type=click.FloatRange(min=0),
    help=f"With --repeat: the longest wait before a fault; more than the longest period. [default: {DELAY_S:g}]",
)
@click.option(
    "--approve",
    "approval",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Somebody else's approval, where the inventory asks for one; see `drill_runner approve`.",
)
@click.option("--dry-run", is_flag=True, help="Show what would be done, and what would keep it from it; touch nothing.")
@json_as("result", "summary")
@click.pass_obj
def command(
    settings: Settings,
    *,
    drill: str,
    inventory: Path | None,
    runs: Path | None,
    repeat: int | None,
    seed: int | None,
    random_delay_s: float | None,
    approval: Path | None,
    dry_run: bool,
    as_json: bool,
) -> ExitCode:
    """Run a drill: break, watch, recover, check, revert, judge.

    DRILL is the name of a file in drills/, or the path of one anywhere. `drill_runner plan DRILL` shows beforehand
    what will be done. Ctrl-C stops the drill and reverts what it broke.
    """
    if repeat is None and (seed is not None or random_delay_s is not None):
        raise UsageError("--seed and --random-delay-s: expected --repeat with them")
    project = project_of(settings)
    plan = plan_for(project, drill, inventory)
    folder = (runs or project.runs).absolute()
    where = inventory_of(project, inventory)
    span_s = DELAY_S if random_delay_s is None else random_delay_s
    waiting_s = span_s if repeat else 0.0
    if dry_run:
        return _dry_run(project, plan, approval, repeat or 1, waiting_s, as_json=as_json)
    console = Console(stderr=True)
    with (
        audited(action_of("run", plan, project)) as ending,
        asked_to_stop("Stopping: the fault is being reverted first. Please wait.") as asked,
        shown(console) as progress,
    ):
        plan = approved(project, plan, approval)
        ending.approved_by = plan.approval.approval.approver if plan.approval else None
        if why := why_not_now(plan, waiting_s):
            raise UsageError(why)
        console.print(f"[bold]{plan.drill.name}[/]  {plan.drill.summary}", highlight=False)
        if repeat is None:
            result, left = run_drill(plan, project, where, folder, progress=progress, stop=asked)
            tell, verdict = partial(_tell, result, left, as_json=as_json), result.verdict
        else:
            summary, left = repeat_drill(
                plan,
                project,
                where,
                folder,
                times=repeat,
                seed=secrets.randbelow(SEEDS) if seed is None else seed,
                span_s=span_s,
                closed=lambda: why_not_now(plan, waiting_s),
                progress=progress,
                stop=asked,
            )
            tell, verdict = partial(_tell_all, summary, left, as_json=as_json), summary.verdict
        stored_rows(folder)
        ending.verdict, ending.exit_code = verdict, ExitCode.INTERRUPTED if asked.why else ExitCode[verdict.name]
    tell()
    return ending.exit_code


def _dry_run(
    project: Project, plan: Plan, approval: Path | None, times: int, waiting_s: float, *, as_json: bool
) -> ExitCode:
    """Show the plan, and refuse what a run would be refused for: all that can be known without a host."""
    click.echo(TypeAdapter(Plan).dump_json(plan, indent=2) if as_json else plan_text(plan), nl=as_json)
    plan = approved(project, plan, approval)
    if why := why_not_now(plan, waiting_s):
        raise UsageError(why)
    if plan.approval:
        click.echo(f"Approved by {plan.approval.approval.approver}.", err=True)
    often = f" It would be done {times} times, each fault after a wait of {waiting_s:g} s at most." if times > 1 else ""
    click.echo(f"Dry run: nothing refuses this now.{often} {NOT_ASKED}", err=True)
    return ExitCode.PASSED


def _tell(result: Result, folder: Path, *, as_json: bool) -> None:
    if as_json:
        click.echo(to_json(result), nl=False)
    else:
        show(result, Console(), report=folder / REPORT)


def _tell_all(summary: Summary, folder: Path, *, as_json: bool) -> None:
    if as_json:
        click.echo(summary_json(summary), nl=False)
    else:
        show_summary(summary, Console(), report=folder / REPORT)
