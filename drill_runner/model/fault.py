"""A fault as its folder `roles/fault_<name>/` declares it."""

from enum import StrEnum
from typing import Literal

from pydantic import Field

from drill_runner.model.base import Name, PositiveSeconds, data

Scalar = bool | int | float | str
"""What a fault's parameter may be: a value, never a structure."""


class Fidelity(StrEnum):
    """How near a fault is to what happens in the field."""

    REAL = "real"
    """The thing itself happens."""
    FAITHFUL = "faithful"
    """The same symptoms by another cause."""
    TELEMETRY = "telemetry"
    """Only the signal is raised."""


FIDELITIES = tuple(Fidelity)
"""The best first."""


@data
class StandsFor:
    """Classes of one published incident study that a fault rehearses."""

    study: Name
    classes: tuple[Name, ...] = Field(min_length=1)
    fidelity: Fidelity | None = None
    """For these classes; no better than the fault's own, which holds where none is given."""


@data
class Manifest:
    """`meta/fault.yml`, key by key."""

    summary: str = Field(min_length=1)
    fidelity: Fidelity
    target_group: Name
    """Inventory group whose hosts the fault knows how to break."""
    further_groups: tuple[Name, ...] = ()
    """Others whose hosts it can break as well."""
    requires: tuple[Literal["systemd", "host_power"], ...] = ()
    """What the target must have. `host_power`: a power switch that answers when the host does not."""
    destructive: bool = False
    """It takes bytes away that only a backup, or its own undo, brings back."""
    time_limit_s: PositiveSeconds = 300
    """The lease's limit when the drill names none: the target undoes the fault by itself then."""
    effect_within_s: PositiveSeconds = 10
    """How long the proof of effect may take before the fault counts as not landed."""
    stands_for: tuple[StandsFor, ...] = ()

    @property
    def groups(self) -> tuple[str, ...]:
        """All groups whose hosts it can break, its own first."""
        return (self.target_group, *self.further_groups)


@data
class Parameter:
    """One option of the fault's `inject` entry point, less the prefix `fault_<name>_`."""

    name: Name
    type: Literal["bool", "int", "float", "str"]
    description: str
    required: bool = False
    default: Scalar | None = None
    choices: tuple[Scalar, ...] = ()


@data
class Fault:
    """One way to break one thing."""

    name: Name
    manifest: Manifest
    parameters: tuple[Parameter, ...] = ()

    @property
    def role(self) -> str:
        """The Ansible role that injects and reverts it."""
        return f"fault_{self.name}"

    def variable(self, parameter: str) -> str:
        """The role variable that carries `parameter`."""
        return f"{self.role}_{parameter}"
