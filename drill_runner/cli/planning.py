"""From what was typed to a plan: the same way for every command that needs one."""

from datetime import UTC, datetime
from pathlib import Path

from drill_runner.catalog import Project, drill_path, find_project, load_drill, load_faults, load_inventory, match_hosts
from drill_runner.cli.settings import Settings
from drill_runner.errors import UsageError
from drill_runner.model.plan import Plan
from drill_runner.plan import make_plan, new_run_id, why_closed


def project_of(settings: Settings) -> Project:
    """The project that the command is about."""
    return find_project(settings.project, Path.cwd())


def inventory_of(project: Project, named: Path | None) -> Path:
    """The inventory that is named, else the lab's."""
    return named.expanduser().absolute() if named else project.lab_inventory


def plan_for(project: Project, name: str, inventory: Path | None) -> Plan:
    """Read a drill and an inventory and bind them; touches no host.

    Raises:
        UsageError: It cannot be done, or must not be.
    """
    drill = load_drill(project, name, faults := load_faults(project))
    source = inventory_of(project, inventory)
    return make_plan(
        drill=drill,
        faults=faults,
        inventory=load_inventory(project, source),
        targets_by_pattern={use.targets: match_hosts(project, source, use.targets) for use in drill.faults},
        run_id=new_run_id(drill.name, datetime.now(UTC)),
        source=project.shown(drill_path(project, name)),
    )


def check_window(plan: Plan, waiting_s: float) -> None:
    """Refuse to start now where the inventory names other times; UsageError with the next opening.

    Args:
        plan: What would be done.
        waiting_s: How long the fault may be put off on purpose.
    """
    if why := why_closed(plan, datetime.now(UTC), waiting_s):
        raise UsageError(why)
