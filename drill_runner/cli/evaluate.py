"""`drill_runner evaluate`."""

import click
from rich.console import Console

from drill_runner.cli.options import examples, json_option
from drill_runner.cli.planning import project_of
from drill_runner.cli.settings import ExitCode, Settings
from drill_runner.cli.stored import run_argument, run_folder
from drill_runner.evaluate import evaluate, read_run, to_json
from drill_runner.report import write_all
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
@json_option
@click.pass_obj
def command(settings: Settings, run: str, as_json: bool) -> ExitCode:
    """Judge a stored run again; no host is asked.

    RUN is a run's folder, its name under runs/, or `latest`, which is the default. The same folder gives the same
    result; result.json, report.html and junit.xml are written again.
    """
    folder = run_folder(project_of(settings), run)
    history = read_run(folder)
    result = evaluate(history)
    report = write_all(folder, result, history.samples, history.plan, result_json=to_json(result))
    if as_json:
        click.echo(to_json(result), nl=False)
    else:
        show(result, Console(), report=report)
    return ExitCode[result.verdict.name]
