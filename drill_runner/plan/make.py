"""From a drill and an inventory to a plan."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime

from drill_runner.errors import UsageError
from drill_runner.model.drill import Drill
from drill_runner.model.fault import Fault
from drill_runner.model.inventory import Inventory
from drill_runner.model.plan import Plan
from drill_runner.plan.guard_rails import Draft, guard_rails, with_backup_check
from drill_runner.plan.leases import lease_id, leases
from drill_runner.plan.steps import steps


def new_run_id(drill: str, now: datetime) -> str:
    """The name of a run that starts `now`, and of its folder."""
    return f"{now.astimezone(UTC):%Y%m%dT%H%M%SZ}-{drill}"


def make_plan(
    drill: Drill,
    faults: Mapping[str, Fault],
    inventory: Inventory,
    targets_by_pattern: Mapping[str, tuple[str, ...]],
    run_id: str,
    *,
    source: str | None = None,
) -> Plan:
    """Decide in full what a run will do.

    Args:
        drill: What is to be rehearsed.
        faults: All of the catalogue, by name.
        inventory: Where.
        targets_by_pattern: The hosts that each of the drill's host patterns names.
        run_id: From `new_run_id`.
        source: The drill's file, as messages shall call it.

    Raises:
        UsageError: The drill would do more than was agreed on, or does not fit the inventory.
    """
    where = source or f"drills/{drill.name}.yml"
    for index, use in enumerate(drill.faults):
        if not targets_by_pattern[use.targets]:
            raise UsageError(f"{where}: faults[{index}].targets: {use.targets} matches no host of {inventory.source}")
    armed = tuple(leases(drill, faults, targets_by_pattern, run_id))
    rails = guard_rails(Draft(where=where, drill=drill, leases=armed, inventory=inventory))
    _check_pool(where, drill, inventory)
    _check_alertmanager(where, drill, inventory)
    _check_streams(where, drill)
    checked = with_backup_check(drill, armed)
    return Plan(
        run_id=run_id,
        drill=checked,
        inventory=inventory,
        leases=armed,
        steps=tuple(steps(checked, armed)),
        guard_rails=rails,
    )


def again(plan: Plan, run_id: str) -> Plan:
    """The same plan for another run, whose leases are its own."""
    own = tuple(
        replace(lease, id=lease_id(run_id, lease.fault.name, number))
        for number, lease in enumerate(plan.leases, start=1)
    )
    return replace(plan, run_id=run_id, leases=own)


def _check_pool(where: str, drill: Drill, inventory: Inventory) -> None:
    """Whatever is judged by the load balancer's view needs to know where to look."""
    by_pool = drill.detection is not None and drill.detection.load_balancer is not None
    asks = "detection" if by_pool else "objectives.replica_rto_s"
    if not by_pool and drill.objectives.replica_rto_s is None:
        return
    for key in ("pool_stats_url", "pool_backend"):
        if getattr(inventory.endpoint, key) is None:
            raise UsageError(f"{inventory.source}: drill_endpoint.{key}: missing; {asks} of {where} is judged by it")


def _check_alertmanager(where: str, drill: Drill, inventory: Inventory) -> None:
    """An alert fires in an Alertmanager, which has to be known."""
    if drill.detection and drill.detection.alert and inventory.endpoint.alertmanager_url is None:
        raise UsageError(
            f"{inventory.source}: drill_endpoint.alertmanager_url: missing; detection.alert of {where} is judged by it"
        )


def _check_streams(where: str, drill: Drill) -> None:
    """Whatever is judged by streams needs some."""
    if drill.probe.stream_rate_hz:
        return
    for name in ("itl_p99_ms", "goodput_min"):
        if getattr(drill.objectives, name) is not None:
            raise UsageError(
                f"{where}: probe.stream_rate_hz: 0; objectives.{name} is judged by streams, so expected more than 0"
            )
