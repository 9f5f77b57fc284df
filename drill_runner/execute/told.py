"""What a playbook's run told, as data."""

from typing import Literal

from drill_runner.model.backup import Backup
from drill_runner.model.base import Instant, Interval, Seconds, data
from drill_runner.model.evidence import HostEvidence

Status = Literal["successful", "failed", "timeout", "canceled", "error"]


@data
class Effect:
    """What the module `fault_lease` says of a fault that it started."""

    shown: bool
    evidence: str
    age_min_s: Seconds
    """Seconds between the first proof of the effect and the module's answer."""
    age_max_s: Seconds
    """Seconds between the start of the break and the module's answer."""


@data
class EffectOn:
    """A fault's effect on one host, on the controller's clock."""

    host: str
    effect: Effect
    took_hold: Interval


@data
class RenewalOn:
    """The leases that go on by one answer of the module `fault_lease` for one host."""

    host: str
    leases: tuple[str, ...]


@data
class LeaseFound:
    """A fault that is armed or in effect, as the module `fault_lease_info` found it."""

    host: str
    id: str
    status: str
    fault: str = ""
    run: str = ""


@data
class PlaybookRun:
    """How a playbook ended."""

    status: Status
    rc: int
    started: Instant
    ended: Instant
    failures: tuple[str, ...] = ()
    """`host: task: message`, in the order in which they happened."""
    effects: tuple[EffectOn, ...] = ()
    evidence: tuple[HostEvidence, ...] = ()
    renewals: tuple[RenewalOn, ...] = ()
    leases: tuple[LeaseFound, ...] = ()
    backups: tuple[Backup, ...] = ()
    unreachable: frozenset[str] = frozenset()

    @property
    def ok(self) -> bool:
        """It did all that it was there for."""
        return self.status == "successful"
