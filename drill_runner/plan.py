"""A drill bound to an inventory: what will be done, or why it must not be. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime

from drill_runner.errors import UsageError
from drill_runner.model.drill import Drill
from drill_runner.model.fault import Fault
from drill_runner.model.inventory import Inventory
from drill_runner.model.plan import Lease, Phase, Plan, Step

LONGEST_ID = 64
"""Of a lease; it names a folder and a systemd unit on the target."""


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
    leases = tuple(_leases(drill, faults, targets_by_pattern, run_id))
    for index, lease in enumerate(leases):
        _check_targets(f"{where}: faults[{index}].targets", lease, inventory)
    _check_limits(where, drill, leases)
    _check_blast_radius(where, drill, leases, inventory)
    _check_pool(where, drill, inventory)
    _check_streams(where, drill)
    return Plan(run_id=run_id, drill=drill, inventory=inventory, leases=leases, steps=tuple(_steps(drill, leases)))


def again(plan: Plan, run_id: str) -> Plan:
    """The same plan for another run, whose leases are its own."""
    leases = tuple(
        replace(lease, id=lease_id(run_id, lease.fault.name, number))
        for number, lease in enumerate(plan.leases, start=1)
    )
    return replace(plan, run_id=run_id, leases=leases)


def _leases(
    drill: Drill, faults: Mapping[str, Fault], targets_by_pattern: Mapping[str, tuple[str, ...]], run_id: str
) -> Iterator[Lease]:
    for number, use in enumerate(drill.faults, start=1):
        fault = faults[use.fault]
        yield Lease(
            id=lease_id(run_id, use.fault, number),
            fault=fault,
            targets=targets_by_pattern[use.targets],
            limit_s=use.time_limit_s or max(fault.manifest.time_limit_s, until_recovered_s(drill, fault)),
            variables={fault.variable(name): value for name, value in use.params.items()},
        )


def lease_id(run_id: str, fault: str, number: int) -> str:
    """A lease's name: `<utc>-<fault>-<n>`, fit for a systemd unit."""
    start = run_id.partition("-")[0].lower()
    room = LONGEST_ID - len(f"{start}--{number}")
    return f"{start}-{fault.replace('_', '-')[:room].rstrip('-')}-{number}"


def _check_targets(where: str, lease: Lease, inventory: Inventory) -> None:
    group = lease.fault.manifest.target_group
    known = {host.name: host for host in inventory.hosts}
    for name in lease.targets:
        if name not in known:
            raise UsageError(f"{where}: {name} is not in {inventory.source}; expected one of {', '.join(known)}")
        if group not in known[name].groups:
            fits = ", ".join(host.name for host in inventory.group(group)) or "which has no hosts here"
            raise UsageError(
                f"{where}: {name} is not in {group}, the group that {lease.fault.name} breaks; expected {fits}"
            )
        if not known[name].drill_allowed:
            raise UsageError(
                f"{inventory.source}: drill_allowed of {name}: must be true before {lease.fault.name} may break it"
            )


def until_recovered_s(drill: Drill, fault: Fault) -> float:
    """Seconds from the break until the recovery is judged, at most: a lease has to outlast them."""
    noticed = drill.detection.within_s if drill.detection else 0.0
    return fault.manifest.effect_within_s + noticed + drill.recovery.within_s + drill.settle_s


def _check_limits(where: str, drill: Drill, leases: tuple[Lease, ...]) -> None:
    for index, lease in enumerate(leases):
        needed = until_recovered_s(drill, lease.fault)
        if lease.limit_s < needed:
            raise UsageError(
                f"{where}: faults[{index}].time_limit_s: {lease.limit_s:g} s; expected at least the {needed:g} s that "
                "effect, detection and recovery may take, or the target's own undo could pass for the recovery"
            )


def _check_blast_radius(where: str, drill: Drill, leases: tuple[Lease, ...], inventory: Inventory) -> None:
    owner: dict[str, int] = {}
    for index, lease in enumerate(leases):
        for name in lease.targets:
            if name in owner:
                raise UsageError(
                    f"{where}: faults[{index}].targets: {name} is a target of faults[{owner[name]}] already; "
                    "expected each host once"
                )
            owner[name] = index
    radius = drill.blast_radius
    if len(owner) > radius.max_hosts:
        raise UsageError(
            f"{where}: blast_radius.max_hosts: {len(owner)} hosts ({', '.join(owner)}) would be broken; "
            f"expected at most {radius.max_hosts}"
        )
    for group in dict.fromkeys(lease.fault.manifest.target_group for lease in leases):
        left = [host.name for host in inventory.group(group) if host.name not in owner]
        if len(left) < radius.keep_serving:
            raise UsageError(
                f"{where}: blast_radius.keep_serving: {len(left)} of {group} would be left untouched; "
                f"expected at least {radius.keep_serving}"
            )


def _check_pool(where: str, drill: Drill, inventory: Inventory) -> None:
    """Whatever is judged by the load balancer's view needs to know where to look."""
    asks = "detection" if drill.detection else "objectives.replica_rto_s"
    if drill.detection is None and drill.objectives.replica_rto_s is None:
        return
    for key in ("pool_stats_url", "pool_backend"):
        if getattr(inventory.endpoint, key) is None:
            raise UsageError(f"{inventory.source}: drill_endpoint.{key}: missing; {asks} of {where} is judged by it")


def _check_streams(where: str, drill: Drill) -> None:
    """Whatever is judged by streams needs some."""
    if drill.probe.stream_rate_hz:
        return
    for name in ("itl_p99_ms", "goodput_min"):
        if getattr(drill.objectives, name) is not None:
            raise UsageError(
                f"{where}: probe.stream_rate_hz: 0; objectives.{name} is judged by streams, so expected more than 0"
            )


def _steps(drill: Drill, leases: tuple[Lease, ...]) -> Iterator[Step]:
    yield Step(
        phase=Phase.STEADY_STATE,
        does=f"Check the steady state, and that clients get good answers for {drill.steady_s:g} s without a break. "
        "Otherwise nothing is broken.",
        checks=drill.steady_state,
    )
    for lease in leases:
        manifest = lease.fault.manifest
        yield Step(
            phase=Phase.INJECT,
            does=f"{lease.fault.name}{_given(lease)}: {manifest.summary.rstrip('.')}. "
            f"It must show its effect within {manifest.effect_within_s:g} s, and is undone by itself when its "
            "time limit passes.",
            playbook="fault_inject",
            hosts=lease.targets,
            at_most_s=lease.limit_s,
        )
    targets = tuple(dict.fromkeys(name for lease in leases for name in lease.targets))
    yield _observe(drill, targets)
    yield _recover(drill, targets)
    yield Step(phase=Phase.POSTCONDITIONS, does="Check that the service is whole.", checks=drill.postconditions)
    yield Step(
        phase=Phase.EVIDENCE,
        does="Ask targets and load balancers what their own records say about when what happened. Read-only.",
        playbook="evidence",
        hosts=targets,
    )
    for lease in leases:
        yield Step(
            phase=Phase.REVERT,
            does=f"Remove what is left of {lease.fault.name}. Happens on every way out, also when the run is stopped.",
            playbook="fault_revert",
            hosts=lease.targets,
        )


def _given(lease: Lease) -> str:
    prefix = lease.fault.variable("")
    values = ", ".join(f"{name.removeprefix(prefix)} {value}" for name, value in lease.variables.items())
    return f" ({values})" if values else ""


def _observe(drill: Drill, targets: tuple[str, ...]) -> Step:
    if drill.detection is None:
        return Step(
            phase=Phase.OBSERVE,
            does="Nobody has to notice: the recovery begins with the fault's effect.",
            hosts=targets,
        )
    return Step(
        phase=Phase.OBSERVE,
        does="Wait until the load balancer has taken every target out of its pool.",
        hosts=targets,
        at_most_s=drill.detection.within_s,
    )


def _recover(drill: Drill, targets: tuple[str, ...]) -> Step:
    playbook = drill.recovery.playbook
    how = "Run the recovery playbook, timed" if playbook else "Leave the service to recover by itself, timed"
    return Step(
        phase=Phase.RECOVER,
        does=f"{how}, until it is whole; then watch on for {drill.settle_s:g} s.",
        playbook=playbook,
        hosts=targets,
        at_most_s=drill.recovery.within_s,
    )
