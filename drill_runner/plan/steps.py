"""What a run will do, step by step, in the words of the person who approves it."""

from collections.abc import Iterator

from drill_runner.model.drill import Drill
from drill_runner.model.plan import Lease, Phase, Step

CHECKS_WITHIN_S = 300.0
STEADY_WITHIN_S = 60.0
EVIDENCE_WITHIN_S = 45.0
PLAYBOOK_SPARE_S = 120.0
"""How long the stages may take for which the drill names no time. `drill` and `postconditions` keep to them."""


def steps(drill: Drill, leases: tuple[Lease, ...]) -> Iterator[Step]:
    """The stages of a run, in order."""
    yield Step(
        phase=Phase.STEADY_STATE,
        does=f"Check the steady state, and that clients get good answers for {drill.steady_s:g} s without a break. "
        "Otherwise nothing is broken.",
        checks=drill.steady_state,
        at_most_s=CHECKS_WITHIN_S + drill.steady_s + STEADY_WITHIN_S,
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
    yield Step(
        phase=Phase.POSTCONDITIONS,
        does="Check that the service is whole.",
        checks=drill.postconditions,
        at_most_s=CHECKS_WITHIN_S,
    )
    yield Step(
        phase=Phase.EVIDENCE,
        does="Ask targets and load balancers what their own records say about when what happened. Read-only.",
        playbook="evidence",
        hosts=targets,
        at_most_s=EVIDENCE_WITHIN_S,
    )
    for lease in leases:
        yield Step(
            phase=Phase.REVERT,
            does=f"Remove what is left of {lease.fault.name}. Happens on every way out, also when the run is stopped.",
            playbook="fault_revert",
            hosts=lease.targets,
            at_most_s=PLAYBOOK_SPARE_S,
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
    asked = drill.detection
    pool = ["the load balancer has taken every target out of its pool"] if asked.load_balancer else []
    alert = [f"alert {asked.alert} fires"] if asked.alert else []
    return Step(
        phase=Phase.OBSERVE,
        does=f"Wait until {' and '.join(pool + alert)}.",
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
