"""`drill_runner abort`."""

from pathlib import Path

import click

from drill_runner.catalog import match_hosts
from drill_runner.cli.audited import audited
from drill_runner.cli.options import examples, inventory_option
from drill_runner.cli.planning import inventory_of, project_of
from drill_runner.cli.playbook import play
from drill_runner.cli.settings import ExitCode, Settings
from drill_runner.errors import UsageError
from drill_runner.model.audit import Action


@click.command(
    "abort", epilog=examples("drill_runner abort", "drill_runner abort -i inventories/prod --limit llm_servers")
)
@inventory_option
@click.option("--limit", default="all", show_default=True, help="Host pattern: only these hosts.")
@click.pass_obj
def command(settings: Settings, inventory: Path | None, limit: str) -> ExitCode:
    """Revert every lease found on the hosts, whoever armed it. Needs no run folder."""
    project = project_of(settings)
    source = inventory_of(project, inventory)
    hosts = match_hosts(project, source, limit)
    if not hosts:
        raise UsageError(f"--limit: {limit} matches no host of {project.shown(source)}")
    action = Action(command="abort", inventory=project.shown(source), hosts=hosts)
    with audited(action, vital=False) as ending:
        ending.exit_code = play(project, source, ("fault_revert",), {"fault_targets": limit}, "Reverting every lease")
    return ending.exit_code
