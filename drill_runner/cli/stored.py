"""From what was typed to a stored run: the same way for every command that reads one."""

from pathlib import Path

import click
from click.shell_completion import CompletionItem

from drill_runner.catalog import Project
from drill_runner.errors import UsageError, expected_one_of

LATEST = "latest"


def _complete_run(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    names = [LATEST, *sorted((path.name for path in Path("runs").glob("*") if path.is_dir()), reverse=True)]
    return [CompletionItem(name) for name in names if name.startswith(incomplete)]


run_argument = click.argument("run", metavar="[RUN]", default=LATEST, shell_complete=_complete_run)
"""A run's folder, its name under runs/, or `latest`."""


def run_folder(project: Project, run: str) -> Path:
    """The folder that `run` means.

    Raises:
        UsageError: There is no such run.
    """
    runs = sorted(path.name for path in project.runs.glob("*") if path.is_dir())
    if run == LATEST:
        if not runs:
            raise UsageError(f"{project.shown(project.runs)}: no runs yet; `drill_runner run DRILL` makes one")
        return project.runs / runs[-1]  # a run's name begins with its UTC start
    if run in runs:
        return project.runs / run
    path = Path(run).expanduser()
    if path.is_dir():
        return path.absolute()
    known = expected_one_of(run, [LATEST, *runs])
    raise UsageError(f"{run}: no such run: not a folder, and in {project.shown(project.runs)}: {known}")
