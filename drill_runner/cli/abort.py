"""`drill_runner abort`."""

import asyncio
from pathlib import Path

import click

from drill_runner.catalog import Project, load_inventory, match_hosts
from drill_runner.cli.audited import audited
from drill_runner.cli.options import examples, inventory_option
from drill_runner.cli.planning import inventory_of, project_of
from drill_runner.cli.playbook import play
from drill_runner.cli.settings import ExitCode, Settings
from drill_runner.errors import UsageError
from drill_runner.model.audit import Action
from drill_runner.observe.pool import look


@click.command(
    "abort", epilog=examples("drill_runner abort", "drill_runner abort -i inventories/prod --limit llm_servers")
)
@inventory_option
@click.option("--limit", default="all", show_default=True, help="Host pattern: only these hosts.")
@click.pass_obj
def command(settings: Settings, inventory: Path | None, limit: str) -> ExitCode:
    """Revert every lease found on the hosts, whoever armed it. Needs no run folder.

    Says so when a replica is drained: no fault does that, and so no undo ends it.
    """
    project = project_of(settings)
    source = inventory_of(project, inventory)
    hosts = match_hosts(project, source, limit)
    if not hosts:
        raise UsageError(f"--limit: {limit} matches no host of {project.shown(source)}")
    action = Action(command="abort", inventory=project.shown(source), hosts=hosts)
    with audited(action, vital=False) as ending:
        ending.exit_code = play(project, source, ("fault_revert",), {"fault_targets": limit}, "Reverting every lease")
    if drained := _drained(project, source):
        undrain = f"ansible-playbook -i {project.shown(source)} playbooks/undrain.yml --limit {','.join(drained)}"
        names = ", ".join(drained)
        click.echo(
            f"Drained: {names}. No fault does that, and so no undo ends it; a recovery that was cut short does. "
            f"`drill_runner resume RUN` ends a dead run's recovery, `{undrain}` lets in and does nothing else.",
            err=True,
        )
    return ending.exit_code


def _drained(project: Project, source: Path) -> list[str]:
    """Who is drained, by the load balancer's statistics; nobody where these cannot be asked."""
    try:
        endpoint = load_inventory(project, source).endpoint
    except UsageError:  # aborting needs less of an inventory than drills do
        return []
    if endpoint.pool_stats_url is None or endpoint.pool_backend is None:
        return []
    servers = asyncio.run(look(endpoint.pool_stats_url, endpoint.pool_backend)).servers
    return sorted(server for server, status in servers.items() if status == "DRAIN")
