"""`drill_runner report`."""

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import click
from rich.console import Console

from drill_runner.cli.options import examples
from drill_runner.cli.planning import project_of
from drill_runner.cli.settings import Settings
from drill_runner.cli.stored import run_argument, run_folder
from drill_runner.errors import UsageError
from drill_runner.evaluate import read_run, to_json
from drill_runner.history import SUMMARY, is_repeated, read_result, read_summary, summary_json
from drill_runner.model.result import Result
from drill_runner.report import REPORT, RESULT, html, junit, many, markdown, summary_page, text, write_atomically


@click.command(
    "report",
    epilog=examples(
        "drill_runner report",
        "drill_runner report latest --format markdown >> $GITHUB_STEP_SUMMARY",
        "drill_runner report 20261124T101500Z-server_crash --format html --output crash.html",
    ),
)
@run_argument
@click.option("--format", "format_", type=click.Choice(["text", "html", "json", "junit", "markdown"]), default="text")
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="Write to this file.")
@click.pass_obj
def command(settings: Settings, run: str, format_: str, output: Path | None) -> None:
    """Show the result of a stored run, in one of several formats.

    RUN is the folder of a run or of a repeated drill, its name under runs/, or `latest`, which is the default.
    Nothing is judged again:
    `drill_runner evaluate` does that.
    """
    folder = run_folder(project_of(settings), run)
    if is_repeated(folder):
        return _repeated(folder, format_, output)
    result = read_result(folder / RESULT)
    if output is not None:
        if not output.absolute().parent.is_dir():
            raise UsageError(f"{output}: its folder does not exist")
        write_atomically(output.absolute(), FORMATS[format_](result, folder))
    elif format_ == "text":
        text.show(result, Console(), report=folder / REPORT)
    elif format_ == "html" and sys.stdout.isatty():
        raise UsageError(f"--format html: expected --output FILE; the run's own report is {folder / REPORT}")
    else:
        click.echo(FORMATS[format_](result, folder), nl=False)
    return None


def _repeated(folder: Path, format_: str, output: Path | None) -> None:
    summary = read_summary(folder / SUMMARY)
    if format_ == "text" and output is None:
        return many.show_summary(summary, Console(), report=folder / REPORT)
    formats = {"html": summary_page.render, "json": summary_json}
    if format_ not in formats:
        raise UsageError(f"--format {format_}: {folder} is a repeated drill; expected html or json, or one of its runs")
    if output is not None:
        return write_atomically(output.absolute(), formats[format_](summary))
    return click.echo(formats[format_](summary), nl=False)


def _html(result: Result, folder: Path) -> str:
    history = read_run(folder)
    return html.render(result, history.samples, history.plan)


FORMATS: dict[str, Callable[[Result, Path], str]] = {
    "text": lambda result, _: text.render(result, width=shutil.get_terminal_size((100, 0)).columns),
    "html": _html,
    "json": lambda result, _: to_json(result),
    "junit": lambda result, _: junit.render(result),
    "markdown": lambda result, _: markdown.render(result),
}
