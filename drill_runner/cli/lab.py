"""`drill_runner lab`: the embedded lab, up, down and how it is."""

from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from drill_runner.catalog import load_inventory
from drill_runner.cli.options import examples, inventory_option
from drill_runner.cli.planning import inventory_of, project_of
from drill_runner.cli.playbook import play
from drill_runner.cli.settings import ExitCode, Settings
from drill_runner.execute import answering

UP = ("lab_create", "build_images", "site")


@click.group(
    "lab",
    epilog=examples("drill_runner lab up", "drill_runner lab status", "drill_runner lab down"),
)
def command() -> None:
    """Bring the embedded lab up or down: four hosts on this machine, a real model service on them."""


@command.command("up", epilog=examples("drill_runner lab up"))
@inventory_option
@click.pass_obj
def up(settings: Settings, inventory: Path | None) -> ExitCode:
    """Create the hosts and deploy the service. Safe to run again: what is done already is left alone."""
    project = project_of(settings)
    return play(project, inventory_of(project, inventory), UP, {}, "Bringing the lab up")


@command.command("down", epilog=examples("drill_runner lab down"))
@inventory_option
@click.pass_obj
def down(settings: Settings, inventory: Path | None) -> ExitCode:
    """Remove the lab's hosts, volumes, network, keys and secrets, and nothing else. Caches and runs stay."""
    project = project_of(settings)
    return play(project, inventory_of(project, inventory), ("lab_destroy",), {}, "Taking the lab down")


@command.command("status", epilog=examples("drill_runner lab status"))
@inventory_option
@click.pass_obj
def status(settings: Settings, inventory: Path | None) -> ExitCode:
    """Show which of the lab's hosts answer over SSH. Exit code 1 if one does not."""
    project = project_of(settings)
    source = inventory_of(project, inventory)
    hosts = load_inventory(project, source).group("lab")
    answered = answering(project.root, source, "lab")
    table = Table("host", "groups", "answers", box=None, pad_edge=False)
    for host in hosts:
        groups = ", ".join(sorted(host.groups - {"all", "lab", "ungrouped"}))
        table.add_row(host.name, groups, "[green]yes[/]" if host.name in answered else "[red]no[/]")
    Console().print(table)
    return ExitCode.PASSED if len(answered) == len(hosts) else ExitCode.FAILED
