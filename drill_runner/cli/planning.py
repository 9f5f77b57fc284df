"""From what was typed to a plan: the same way for every command that needs one."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from drill_runner.approval import check_approval, read_approval, why_expired
from drill_runner.catalog import Project, drill_path, find_project, load_drill, load_faults, load_inventory, match_hosts
from drill_runner.cli.settings import Settings
from drill_runner.errors import UsageError
from drill_runner.model.plan import Plan
from drill_runner.plan import digest, make_plan, new_run_id, why_closed
from drill_runner.who import who


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
    with ThreadPoolExecutor() as pool:  # Ansible starts for each question, which takes most of a second
        matched = {use.targets: pool.submit(match_hosts, project, source, use.targets) for use in drill.faults}
        loaded = load_inventory(project, source)
    return make_plan(
        drill=drill,
        faults=faults,
        inventory=loaded,
        targets_by_pattern={pattern: hosts.result() for pattern, hosts in matched.items()},
        run_id=new_run_id(drill.name, datetime.now(UTC)),
        source=project.shown(drill_path(project, name)),
    )


def why_not_now(plan: Plan, waiting_s: float) -> str | None:
    """Why the drill may not start now, though it may be carried out; None if it may.

    Args:
        plan: What would be done.
        waiting_s: How long the fault may be put off on purpose.
    """
    now = datetime.now(UTC)
    return why_expired(plan.approval, now) or why_closed(plan, now, waiting_s)


def signers_of(project: Project, plan: Plan) -> Path:
    """The file of those who may approve.

    Raises:
        UsageError: The inventory asks nobody, or the file is not there.
    """
    named = plan.inventory.drill_approvers
    shown = project.shown(Path(plan.inventory.source))
    if named is None:
        raise UsageError(f"{shown}: drill_approvers: not set, so that nobody has to approve, and nothing tells who may")
    signers = project.root / Path(named).expanduser()
    if not signers.is_file():
        raise UsageError(f"{shown}: drill_approvers: {signers}: no such file; expected OpenSSH's allowed signers")
    return signers


def approved(project: Project, plan: Plan, path: Path | None) -> Plan:
    """The plan with its approval, if it needs one.

    Raises:
        UsageError: It needs one that was not given, or the one that was given allows something else.
    """
    shown = project.shown(Path(plan.inventory.source))
    if path is None:
        if plan.inventory.drill_approvers is None:
            return plan
        raise UsageError(
            f"{shown}: drill_approvers: somebody else must have approved this; expected --approve FILE, "
            f"which they make by `drill_runner approve {plan.drill.name} --for {who().name}`"
        )
    signed = read_approval(path)
    check_approval(
        signed,
        str(path),
        plan_sha256=digest(plan, shown),
        requester=who().name,
        signers=signers_of(project, plan),
    )
    return replace(plan, approval=signed)
