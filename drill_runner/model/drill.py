"""A drill as an operator writes it in `drills/<name>.yml`."""

from typing import Annotated, Literal

from pydantic import Field

from drill_runner.model.base import Name, PositiveSeconds, Seconds, data
from drill_runner.model.fault import Scalar


@data
class FaultUse:
    """One fault, on the hosts that an Ansible host pattern names."""

    fault: Name
    targets: str = Field(min_length=1)
    params: dict[Name, Scalar] = Field(default_factory=dict)
    time_limit_s: PositiveSeconds | None = None


@data
class Detection:
    """Who must notice, and by when: the load balancer, an alert, or both."""

    load_balancer: Literal["down"] | None = None
    """The load balancer takes every target out of its pool."""
    alert: str | None = Field(default=None, min_length=1)
    """An alert of this `alertname` fires in Alertmanager, neither silenced nor inhibited."""
    within_s: PositiveSeconds
    """Counted from the fault's effect, until the last of those who are named has noticed."""


@data
class Recovery:
    """The timed runbook under test. With neither key true the service has to come back by itself."""

    playbook: Name | None = None
    """A playbook of `playbooks/`, started once the fault is detected."""
    within_s: PositiveSeconds = 600
    """When to stop waiting for the service to be whole again, counted from the start of recovery."""


@data
class Objectives:
    """What was promised. An objective that is not named is not judged."""

    rto_s: Seconds | None = None
    """Recovery time: from the first failure a client saw to service restored."""
    replica_rto_s: Seconds | None = None
    """From the fault's effect to every target serving in the pool again."""
    detect_s: Seconds | None = None
    """From the fault's effect to detection, by all whom `detection` names."""
    rpo_s: Seconds | None = None
    """Recovery point: what was written so long before the effect is back, of every kind that was restored."""
    failed_requests: Annotated[int, Field(ge=0)] | None = None
    """Client probes that got no right answer in time, over the whole drill."""
    availability: Annotated[float, Field(ge=0, le=1)] | None = None
    """Share of client probes answered rightly and in time, over the whole drill."""
    ttft_p99_ms: Annotated[float, Field(gt=0)] | None = None
    """99th percentile of the time to first token over the whole drill, in milliseconds."""
    itl_p99_ms: Annotated[float, Field(gt=0)] | None = None
    """99th percentile of the time between two tokens of a stream over the whole drill, in milliseconds."""
    goodput_min: Annotated[float, Field(ge=0, le=1)] | None = None
    """Share of streams that came whole, right and within the service level, over the whole drill."""


@data
class BlastRadius:
    """The damage that was agreed on. A plan that could do more is refused."""

    max_hosts: int = Field(default=1, ge=1)
    keep_serving: int = Field(default=1, ge=0)
    """Hosts of the fault's target group that no fault of this drill may touch."""
    max_percent: Annotated[float, Field(gt=0, le=100)] | None = None
    """Of the hosts of each group that is broken, in percent."""
    faults_per_host: int = Field(default=1, ge=1)
    """How many faults may meet on one host."""


@data
class AbortIf:
    """The damage at which a drill ends by itself and reverts. What is not named ends nothing."""

    failed_requests: Annotated[int, Field(ge=0)] | None = None
    """More client probes than this have failed since the drill began to break."""
    outage_s: PositiveSeconds | None = None
    """No client probe was answered well for longer than this, in seconds, since then."""


@data
class ProbePlan:
    """How the client's place is watched."""

    rate_hz: float = Field(default=20.0, gt=0, le=200)
    timeout_s: PositiveSeconds = 5.0
    ttft_slo_ms: float = Field(default=2000.0, gt=0)
    """A right answer later than this is too slow to be good."""
    good_in_a_row: int = Field(default=10, ge=1)
    """So many good probes after each other end an outage."""
    stream_rate_hz: float = Field(default=0.5, ge=0, le=20)
    """Longer, streamed requests beside the probes; 0: none. Each occupies an engine for as long as its tokens take."""
    stream_tokens: int = Field(default=16, ge=2, le=4096)
    stream_timeout_s: PositiveSeconds = 10.0
    """For all of a stream, from when it is due."""


@data
class Drill:
    """A plan of a rehearsal, before it meets an inventory."""

    name: Name
    summary: str = Field(min_length=1)
    faults: tuple[FaultUse, ...] = Field(min_length=1)
    steady_state: tuple[Name, ...] = Field(min_length=1)
    """Post-condition checks that must pass before anything is broken."""
    steady_s: PositiveSeconds = 5.0
    """How long the client's place must be good without a break before anything is broken."""
    detection: Detection | None = None
    recovery: Recovery = Field(default_factory=Recovery)
    settle_s: Seconds = 5.0
    """How long to watch on after the service is whole."""
    objectives: Objectives = Field(default_factory=Objectives)
    postconditions: tuple[Name, ...] = Field(min_length=1)
    blast_radius: BlastRadius = Field(default_factory=BlastRadius)
    abort_if: AbortIf = Field(default_factory=AbortIf)
    renew_within_s: Annotated[float, Field(ge=10, le=3600)] = 60.0
    """The targets undo every fault by themselves when the runner was not heard of for so long, in seconds."""
    probe: ProbePlan = Field(default_factory=ProbePlan)
