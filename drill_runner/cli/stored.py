"""From what was typed to a stored run: the same way for every command that reads one."""

from pathlib import Path

import click
from click.shell_completion import CompletionItem

from drill_runner.catalog import Project
from drill_runner.errors import UsageError, expected_one_of
from drill_runner.history import run_folders

LATEST = "latest"


def complete_run(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Names of runs, for the shell."""
    names = [LATEST, *sorted((path.name for path in Path("runs").glob("*") if path.is_dir()), reverse=True)]
    return [CompletionItem(name) for name in names if name.startswith(incomplete)]


run_argument = click.argument("run", metavar="[RUN]", default=LATEST, shell_complete=complete_run)
"""A run's folder, its name under runs/, or `latest`."""


def run_folder(project: Project, run: str) -> Path:
    """The folder that `run` means: of one run, or of a repeated drill.

    Raises:
        UsageError: There is no such run.
    """
    there = run_folders(project.runs)
    if run == LATEST:
        if not there.top:
            raise UsageError(f"{project.shown(project.runs)}: no runs yet; `drill_runner run DRILL` makes one")
        return there.top[-1]
    if (named := there.named(run)) is not None:
        return named
    path = Path(run).expanduser()
    if path.is_dir():
        return path.absolute()
    known = expected_one_of(run, [LATEST, *(path.name for path in (*there.single, *there.repeated))])
    raise UsageError(f"{run}: no such run: not a folder, and in {project.shown(project.runs)}: {known}")
