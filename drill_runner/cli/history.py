"""`drill_runner history`."""

from pathlib import Path

import click
from rich.console import Console

from drill_runner.cli.options import examples, json_as
from drill_runner.cli.planning import project_of
from drill_runner.cli.settings import Settings
from drill_runner.errors import UsageError, expected_one_of
from drill_runner.history import pasts, pasts_json, stored_rows
from drill_runner.report.many import show_pasts

LAST = 10


@click.command(
    "history",
    epilog=examples(
        "drill_runner history",
        "drill_runner history server_crash --last 30",
        "drill_runner history --json | jq '.drills[] | {drill, trends}'",
    ),
)
@click.argument("drill", required=False)
@click.option("--last", type=click.IntRange(min=1), default=LAST, show_default=True, help="So many runs of each drill.")
@click.option(
    "--runs",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder of the runs. [default: the project's runs]",
)
@json_as("history")
@click.pass_obj
def command(settings: Settings, drill: str | None, last: int, runs: Path | None, as_json: bool) -> None:
    """Show the last runs of each drill, and where their numbers go.

    The trend says whether the newest run lies outside everything that was seen before it. Runs that are inconclusive
    because their measuring cannot be trusted are shown and not counted.
    """
    folder = runs or project_of(settings).runs
    rows = stored_rows(folder)
    if drill is not None:
        known = {one.drill for one in rows}
        if drill not in known:
            raise UsageError(f"{drill}: no run of it in {folder}: {expected_one_of(drill, known)}")
        rows = tuple(one for one in rows if one.drill == drill)
    found = pasts(rows, last)
    if as_json:
        click.echo(pasts_json(found), nl=False)
    elif not found.drills:
        click.echo(f"{folder}: no runs with a result yet; `drill_runner run DRILL` makes one", err=True)
    else:
        show_pasts(found.drills, Console())
