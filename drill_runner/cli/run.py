"""`drill_runner run`."""

from pathlib import Path

import click
from rich.console import Console

from drill_runner.cli.options import drill_argument, examples, inventory_option, json_option
from drill_runner.cli.planning import inventory_of, plan_for, project_of
from drill_runner.cli.progress import shown
from drill_runner.cli.settings import ExitCode, Settings
from drill_runner.cli.signals import asked_to_stop
from drill_runner.drill import run_drill
from drill_runner.evaluate import to_json
from drill_runner.model.result import Verdict
from drill_runner.report import REPORT
from drill_runner.report.text import show

CODES = {
    Verdict.PASSED: ExitCode.PASSED,
    Verdict.FAILED: ExitCode.FAILED,
    Verdict.INCONCLUSIVE: ExitCode.INCONCLUSIVE,
}


@click.command(
    "run",
    epilog=examples(
        "drill_runner run server_crash",
        "drill_runner run host_loss -i inventories/prod",
        "drill_runner run weights_corruption --json | jq .verdict",
    ),
)
@drill_argument
@inventory_option
@click.option(
    "--runs",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for what runs leave. [default: the project's runs]",
)
@json_option
@click.pass_obj
def command(settings: Settings, drill: str, inventory: Path | None, runs: Path | None, as_json: bool) -> ExitCode:
    """Run a drill: break, watch, recover, check, revert, judge.

    DRILL is the name of a file in drills/, or the path of one anywhere. `drill_runner plan DRILL` shows beforehand
    what will be done. Ctrl-C stops the drill and reverts what it broke.
    """
    project = project_of(settings)
    plan = plan_for(project, drill, inventory)
    console = Console(stderr=True)
    console.print(f"[bold]{plan.drill.name}[/]  {plan.drill.summary}", highlight=False)
    with (
        asked_to_stop("Stopping: the fault is being reverted first. Please wait.") as asked,
        shown(console) as progress,
    ):
        result, folder = run_drill(
            plan,
            project,
            inventory_of(project, inventory),
            (runs or project.runs).absolute(),
            progress=progress,
            stop=asked,
        )
    if as_json:
        click.echo(to_json(result), nl=False)
    else:
        show(result, Console(), report=folder / REPORT)
    return ExitCode.INTERRUPTED if asked.why else CODES[result.verdict]
