"""`drill_runner lab`: the embedded lab, up, down and how it is."""

from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from drill_runner import deployed
from drill_runner.catalog import Project, load_inventory
from drill_runner.cli.audited import audited
from drill_runner.cli.options import examples, inventory_option
from drill_runner.cli.planning import inventory_of, project_of
from drill_runner.cli.playbook import play
from drill_runner.cli.settings import ExitCode, Settings
from drill_runner.execute import answering
from drill_runner.model.audit import Action, Command
from drill_runner.model.inventory import Inventory

LAB = "lab"
"""The inventory group whose hosts playbooks/lab_create.yml makes."""
UP = ("lab_create", "build_images", "site")


@click.group(
    "lab",
    epilog=examples("drill_runner lab up", "drill_runner lab status", "drill_runner lab down"),
)
def command() -> None:
    """Bring the embedded lab up or down: five hosts on this machine, a real model service on them."""


@command.command("up", epilog=examples("drill_runner lab up", "drill_runner lab up --again"))
@inventory_option
@click.option("--again", is_flag=True, help="Run every playbook, also when nothing has changed since the last time.")
@click.pass_obj
def up(settings: Settings, inventory: Path | None, again: bool) -> ExitCode:
    """Create the hosts and deploy the service. Safe to run again: what is done already is left alone."""
    project = project_of(settings)
    source = inventory_of(project, inventory)
    lab = load_inventory(project, source)
    if not again and deployed.is_current(project, lab) and not _silent(project, lab, source):
        Console(stderr=True).print("[bold]The lab is up[/], and nothing has changed since it was deployed")
        return ExitCode.PASSED
    with audited(_action("lab up", project, lab)) as ending:
        deployed.forget(lab)
        ending.exit_code = play(project, source, UP, {}, "Bringing the lab up")
        if ending.exit_code is ExitCode.PASSED:
            deployed.remember(project, lab)
    return ending.exit_code


@command.command("down", epilog=examples("drill_runner lab down"))
@inventory_option
@click.pass_obj
def down(settings: Settings, inventory: Path | None) -> ExitCode:
    """Remove the lab's hosts, volumes, network, keys and secrets, and nothing else. Caches and runs stay."""
    project = project_of(settings)
    source = inventory_of(project, inventory)
    lab = load_inventory(project, source)
    with audited(_action("lab down", project, lab)) as ending:
        deployed.forget(lab)
        ending.exit_code = play(project, source, ("lab_destroy",), {}, "Taking the lab down")
    return ending.exit_code


@command.command("status", epilog=examples("drill_runner lab status"))
@inventory_option
@click.pass_obj
def status(settings: Settings, inventory: Path | None) -> ExitCode:
    """Show which of the lab's hosts answer over SSH. Exit code 1 if one does not."""
    project = project_of(settings)
    source = inventory_of(project, inventory)
    lab = load_inventory(project, source)
    silent = _silent(project, lab, source)
    table = Table("host", "groups", "answers", box=None, pad_edge=False)
    for host in lab.group(LAB):
        groups = ", ".join(sorted(host.groups - {"all", LAB, "ungrouped"}))
        table.add_row(host.name, groups, "[red]no[/]" if host.name in silent else "[green]yes[/]")
    Console().print(table)
    return ExitCode.FAILED if silent else ExitCode.PASSED


def _action(command: Command, project: Project, lab: Inventory) -> Action:
    hosts = tuple(host.name for host in lab.group(LAB))
    return Action(command=command, inventory=project.shown(Path(lab.source)), hosts=hosts)


def _silent(project: Project, lab: Inventory, source: Path) -> set[str]:
    """The lab's hosts that do not answer over SSH."""
    return {host.name for host in lab.group(LAB)} - answering(project.root, source, LAB)
