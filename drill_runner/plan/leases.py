"""The faults of a plan: where, under which name, and for how long at most."""

from collections.abc import Iterable, Iterator, Mapping

from drill_runner.model.drill import Drill
from drill_runner.model.fault import Fault
from drill_runner.model.plan import Lease

LONGEST_ID = 64
"""Of a lease; it names a folder and a systemd unit on the target."""


def leases(
    drill: Drill, faults: Mapping[str, Fault], targets_by_pattern: Mapping[str, tuple[str, ...]], run_id: str
) -> Iterator[Lease]:
    """One for each of the drill's faults, in its order."""
    for number, use in enumerate(drill.faults, start=1):
        fault = faults[use.fault]
        needed = until_recovered_s(drill, [faults[later.fault] for later in drill.faults[number - 1 :]])
        yield Lease(
            id=lease_id(run_id, use.fault, number),
            fault=fault,
            targets=targets_by_pattern[use.targets],
            limit_s=use.time_limit_s or max(fault.manifest.time_limit_s, needed),
            variables={fault.variable(name): value for name, value in use.params.items()},
        )


def lease_id(run_id: str, fault: str, number: int) -> str:
    """A lease's name: `<utc>-<fault>-<n>`, fit for a systemd unit."""
    start = run_id.partition("-")[0].lower()
    room = LONGEST_ID - len(f"{start}--{number}")
    return f"{start}-{fault.replace('_', '-')[:room].rstrip('-')}-{number}"


def until_recovered_s(drill: Drill, faults: Iterable[Fault]) -> float:
    """Seconds from a break until the recovery is judged, at most: its lease has to outlast them.

    Args:
        drill: What is rehearsed.
        faults: The fault, and those that are injected after it.
    """
    shown = sum(fault.manifest.effect_within_s for fault in faults)
    noticed = drill.detection.within_s if drill.detection else 0.0
    return shown + noticed + drill.recovery.within_s + drill.settle_s
