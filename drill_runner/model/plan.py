"""What a run will do, decided in full before it touches anything."""

from enum import StrEnum
from typing import Literal

from pydantic import Field

from drill_runner.model.approval import SignedApproval
from drill_runner.model.base import RUN_VERSION, Name, PositiveSeconds, data
from drill_runner.model.drill import Drill, Objectives, ProbePlan
from drill_runner.model.fault import Fault, Scalar
from drill_runner.model.inventory import Endpoint, Inventory


class Phase(StrEnum):
    """The stages of every drill, in order."""

    STEADY_STATE = "steady_state"
    INJECT = "inject"
    OBSERVE = "observe"
    RECOVER = "recover"
    POSTCONDITIONS = "postconditions"
    EVIDENCE = "evidence"
    REVERT = "revert"


@data
class Lease:
    """A fault that will be armed on its targets, with the limit at which they undo it themselves."""

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$")
    fault: Fault
    targets: tuple[str, ...] = Field(min_length=1)
    limit_s: PositiveSeconds
    variables: dict[str, Scalar] = Field(default_factory=dict)
    """The role's variables for the drill's parameters."""


@data
class Step:
    """One thing that will be done, in the words of the person who approves it."""

    phase: Phase
    does: str
    playbook: str | None = None
    hosts: tuple[str, ...] = ()
    checks: tuple[str, ...] = ()
    at_most_s: PositiveSeconds | None = None


BACKUP_CHECK = "backup_fresh"
"""The check that must pass before a destructive fault may be injected."""


@data
class GuardRail:
    """Something that keeps a drill from doing too much, and what it said of this one."""

    name: str
    """The key of the drill or of the inventory, or the check."""
    says: str


@data
class Plan:
    """A drill bound to an inventory: immutable, printable, and all that `evaluate` needs to know of intentions."""

    version: int = Field(default=RUN_VERSION, ge=1)
    run_id: str = Field(pattern=r"^[0-9]{8}T[0-9]{6}Z-[a-z0-9_]+$")
    """UTC start and the drill's name; also the run folder's name."""
    drill: Drill
    inventory: Inventory
    leases: tuple[Lease, ...] = Field(min_length=1)
    steps: tuple[Step, ...] = Field(min_length=1)
    guard_rails: tuple[GuardRail, ...] = ()
    approval: SignedApproval | None = None
    """None: nobody had to approve it, or nobody did yet."""

    @property
    def targets(self) -> tuple[str, ...]:
        """Every host that a fault touches, once each."""
        return tuple(dict.fromkeys(name for lease in self.leases for name in lease.targets))

    @property
    def fault_targets(self) -> dict[str, tuple[str, ...]]:
        """The hosts that each fault touches, by its name."""
        found: dict[str, tuple[str, ...]] = {}
        for lease in self.leases:
            found[lease.fault.name] = tuple(dict.fromkeys((*found.get(lease.fault.name, ()), *lease.targets)))
        return found

    @property
    def name(self) -> str:
        """What results of the same kind are kept under."""
        return self.drill.name

    @property
    def summary(self) -> str:
        """What it is for, in one sentence."""
        return self.drill.summary

    @property
    def endpoint(self) -> Endpoint:
        """The service that is watched."""
        return self.inventory.endpoint

    @property
    def probe(self) -> ProbePlan:
        """How it is watched."""
        return self.drill.probe

    @property
    def objectives(self) -> Objectives:
        """What was promised."""
        return self.drill.objectives


@data
class Watch:
    """The client's place without a drill: nothing is broken, nothing is expected but good answers."""

    kind: Literal["watch"]
    """Tells it from a drill's plan in `plan.json`."""
    version: int = Field(default=RUN_VERSION, ge=1)
    run_id: str = Field(pattern=r"^[0-9]{8}T[0-9]{6}Z-[a-z0-9_]+$")
    name: Name = "watch"
    endpoint: Endpoint
    probe: ProbePlan = Field(default_factory=ProbePlan)
    objectives: Objectives = Field(default_factory=lambda: Objectives(failed_requests=0))
    """Where nothing is promised, nobody may notice anything: no failed request."""
    seconds: PositiveSeconds | None = None
    """How long; None: until somebody ends it."""

    def __post_init__(self) -> None:
        """Refuse promises about a fault: there is none."""
        for name in ("replica_rto_s", "detect_s", "rpo_s"):
            if getattr(self.objectives, name) is not None:
                raise ValueError(f"objectives.{name}: only a drill knows when its fault took hold")

    @property
    def summary(self) -> str:
        """What it is for, in one sentence."""
        return f"{self.endpoint.model} at {self.endpoint.url}, watched from a client's place; nothing was broken."

    @property
    def targets(self) -> tuple[str, ...]:
        """No host is touched."""
        return ()


AnyPlan = Plan | Watch
"""What `plan.json` may hold."""
