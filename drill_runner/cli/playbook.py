"""Playbooks as commands: progress while they run, the failing task and the way on when they fail."""

import shutil
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import click
from rich.console import Console

from drill_runner.catalog import Project
from drill_runner.cli.progress import shown
from drill_runner.cli.settings import ExitCode
from drill_runner.cli.signals import asked_to_stop
from drill_runner.execute import run_playbook
from drill_runner.model.fault import Scalar


def play(
    project: Project,
    inventory: Path,
    playbooks: tuple[str, ...],
    variables: Mapping[str, Scalar],
    title: str,
) -> ExitCode:
    """Run playbooks after each other, until one fails."""
    console = Console(stderr=True)
    console.print(f"[bold]{title}[/]", highlight=False)
    kept = Path(tempfile.mkdtemp(prefix="drill_runner-log-"))
    with asked_to_stop("Stopping after what is under way. Run the same command again to go on.") as asked:
        for playbook in playbooks:
            started = time.monotonic()
            with shown(console) as progress:
                run = run_playbook(
                    project.root,
                    playbook,
                    inventory,
                    variables=variables,
                    keep=kept / playbook,
                    on_task=progress.doing,
                    stop=lambda: asked.why is not None,
                )
            if asked.why:
                return ExitCode.INTERRUPTED
            if not run.ok:
                for failure in run.failures:
                    click.echo(f"Error: playbooks/{playbook}.yml: {failure}", err=True)
                click.echo(f"Ansible's whole output: {kept / playbook / 'stdout'}", err=True)
                return ExitCode.FAILED
            console.print(f"  [green]✓[/] {playbook}.yml  [dim]{time.monotonic() - started:.0f} s[/]", highlight=False)
    shutil.rmtree(kept)
    return ExitCode.PASSED
