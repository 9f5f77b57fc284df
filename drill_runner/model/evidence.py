"""What hosts themselves tell about a failure and the way back: one line of `evidence.jsonl` for each host."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from drill_runner.model.base import RUN_VERSION, Instant, data

HostInstant = Annotated[float, Field(ge=0, allow_inf_nan=False)]
"""Seconds of the host's own CLOCK_MONOTONIC."""


@data
class Exchange:
    """A reading of the host's clocks, between two readings of the controller's."""

    asked: Instant
    answered: Instant
    monotonic: HostInstant
    realtime: float
    """Seconds since the epoch, by the host."""


@data
class Unit:
    """What systemd knows of the model server's unit. None: it never was so, or systemd has forgotten."""

    name: str
    state: str
    restarts: int
    verifies: bool
    """Before it starts the engine, it verifies the weights."""
    verified: HostInstant | None
    """When its last verification ended well."""
    inactive_exit: HostInstant | None
    main_start: HostInstant | None
    active_enter: HostInstant | None
    active_exit: HostInstant | None
    inactive_enter: HostInstant | None


class EventKind(StrEnum):
    """What a line says."""

    UNIT_EXITED = "unit_exited"
    RESTART_SCHEDULED = "restart_scheduled"
    UNIT_STARTING = "unit_starting"
    UNIT_STARTED = "unit_started"
    CONTAINER_INIT = "container_init"
    """The engine's container is ready, its process not yet there."""
    CONTAINER_STARTED = "container_started"
    ENGINE_READY = "engine_ready"
    VERDICT_UP = "verdict_up"
    VERDICT_DOWN = "verdict_down"
    SERVER_DOWN = "server_down"
    SERVER_UP = "server_up"
    CHECK_FAILED = "check_failed"
    REQUEST_SERVED = "request_served"
    """The first good one to a server after its state changed."""


@data
class Event:
    """One line of a host's journal."""

    kind: EventKind
    at: HostInstant
    """When it arrived in the journal: by then it had happened."""
    since: HostInstant | None = None
    """When its sender wrote it, or the request began. None: the sender does not say."""
    server: str | None = None
    """Of the load balancer's pool, if it is about one."""
    text: str


@data
class Restored:
    """One kind of data that the host brought back from a backup. Instants: seconds since the epoch, by the host."""

    kind: str
    """As `model_backup_kinds` names it."""
    snapshot: str
    marker: int = Field(ge=1)
    """Number of the newest marker that was found in the data after the restore: the kind's backups are counted."""
    begun: float
    """When the backup with that marker began: what was written before is in it."""
    ended: float
    """When it had read everything: what was written since is not."""
    restored: float
    """When it was back, verified and in place."""
    rpo_s: Annotated[float, Field(gt=0)]
    """What the host declares for this kind."""


@data
class Told:
    """What one host said."""

    exchanges: tuple[Exchange, ...]
    unit: Unit | None
    events: tuple[Event, ...]
    restored: tuple[Restored, ...] = ()


@data
class HostEvidence:
    """The same, with its name."""

    version: int = Field(default=RUN_VERSION, ge=1)
    host: str
    told: Told
