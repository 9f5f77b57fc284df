"""What must be so before a run may have a folder: nobody else's fault is armed or in effect anywhere."""

from pathlib import Path

from drill_runner.catalog import Project
from drill_runner.drill.progress import Progress
from drill_runner.errors import UsageError
from drill_runner.execute import LeaseFound, run_playbook

WITHIN_S = 120.0


def refuse_other_leases(project: Project, inventory: Path, progress: Progress) -> None:
    """Ask every host of the inventory; UsageError if one has a lease, or cannot be asked."""
    progress.doing("asking every host for faults of other runs")
    run = run_playbook(project.root, "fault_list", inventory, variables={}, timeout_s=WITHIN_S)
    if run.leases:
        told = "; ".join(_told(one) for one in run.leases)
        raise UsageError(
            f"{project.shown(inventory)}: {told}; expected no fault of anybody: `drill_runner resume` winds a dead run "
            "down, `drill_runner abort` ends every fault at once"
        )
    if not run.ok:
        raise UsageError(
            f"{project.shown(inventory)}: {run.failures[0]}; expected every host to say whether a fault is armed on it"
        )


def _told(lease: LeaseFound) -> str:
    return f"{lease.host}: {lease.fault or 'a fault'} of {lease.run or 'somebody'} is {lease.status} ({lease.id})"
