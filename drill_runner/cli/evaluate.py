"""`drill_runner evaluate`."""

from pathlib import Path

import click
from rich.console import Console

from drill_runner.cli.options import examples, json_as
from drill_runner.cli.planning import project_of
from drill_runner.cli.settings import ExitCode, Settings
from drill_runner.cli.stored import run_argument, run_folder
from drill_runner.drill import judged, summarised_again
from drill_runner.evaluate import to_json
from drill_runner.history import is_repeated, summary_json
from drill_runner.report import REPORT
from drill_runner.report.many import show_summary
from drill_runner.report.text import show


@click.command(
    "evaluate",
    epilog=examples(
        "drill_runner evaluate",
        "drill_runner evaluate 20261124T101500Z-server_crash",
        "drill_runner evaluate ~/a-run-from-a-colleague --json | jq .verdict",
    ),
)
@run_argument
@json_as("result", "summary")
@click.pass_obj
def command(settings: Settings, run: str, as_json: bool) -> ExitCode:
    """Judge a stored run again; no host is asked.

    RUN is the folder of a run or of a repeated drill, its name under runs/, or `latest`, which is the default. The
    same folder gives the same result; result.json, report.html and junit.xml are written again, and of a repeated drill
    every run's and the summary.
    """
    folder = run_folder(project_of(settings), run)
    if is_repeated(folder):
        return _repeated(folder, as_json=as_json)
    result = judged(folder)
    if as_json:
        click.echo(to_json(result), nl=False)
    else:
        show(result, Console(), report=folder / REPORT)
    return ExitCode[result.verdict.name]


def _repeated(folder: Path, *, as_json: bool) -> ExitCode:
    summary = summarised_again(folder)
    if as_json:
        click.echo(summary_json(summary), nl=False)
    else:
        show_summary(summary, Console(), report=folder / REPORT)
    return ExitCode[summary.verdict.name]
