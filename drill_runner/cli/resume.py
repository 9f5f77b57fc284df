"""`drill_runner resume`."""

from pathlib import Path

import click
from rich.console import Console

from drill_runner.cli.audited import action_of, audited
from drill_runner.cli.options import examples, inventory_option, json_as
from drill_runner.cli.planning import inventory_of, project_of
from drill_runner.cli.progress import shown
from drill_runner.cli.settings import ExitCode, Settings
from drill_runner.cli.signals import asked_to_stop
from drill_runner.cli.stored import run_argument, run_folder
from drill_runner.drill import dead_run, resume
from drill_runner.errors import UsageError
from drill_runner.evaluate import to_json
from drill_runner.history import stored_rows
from drill_runner.report import REPORT
from drill_runner.report.text import show


@click.command(
    "resume",
    epilog=examples(
        "drill_runner resume",
        "drill_runner resume 20261124T101500Z-server_crash",
        "drill_runner resume 20261124T101500Z-host_loss -i inventories/prod",
    ),
)
@run_argument
@inventory_option
@json_as("result")
@click.pass_obj
def command(settings: Settings, run: str, inventory: Path | None, as_json: bool) -> ExitCode:
    """Wind down a run whose runner died: end its faults, recover, check, judge.

    RUN is the folder of a run, its name under runs/, or `latest`, which is the default. The inventory is the one that
    the run was made for, unless another one is named. The targets end their faults by themselves when nobody renews
    them; this makes the service whole and closes the run's books.
    """
    project = project_of(settings)
    folder = run_folder(project, run)
    plan = dead_run(folder).plan
    source = inventory_of(project, inventory or Path(plan.inventory.source))
    if not source.exists():
        raise UsageError(f"{source}: no such inventory; expected the one that the run was made for, or another by -i")
    with (
        audited(action_of("resume", plan, project), vital=False) as ending,
        asked_to_stop("Stopping: the faults are being reverted first. Please wait.") as asked,
        shown(Console(stderr=True)) as progress,
    ):
        done = resume(folder, project, source, progress=progress, stop=asked)
        stored_rows(folder.parent)
        ending.verdict = done.result.verdict
        ending.exit_code = ExitCode.INTERRUPTED if asked.why else ExitCode[done.result.verdict.name]
    if as_json:
        click.echo(to_json(done.result), nl=False)
    else:
        show(done.result, Console(), report=folder / REPORT)
    return ending.exit_code
