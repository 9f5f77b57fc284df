"""What the runner meant to do and what it learnt: one line of `journal.jsonl` each."""

from typing import Annotated, Literal

from pydantic import Field

from drill_runner.model.base import RUN_VERSION, Instant, Interval, Seconds, data
from drill_runner.model.plan import Phase


@data
class RunStarted:
    """A run begins; its plan is beside the journal."""

    kind: Literal["run_started"] = "run_started"
    version: int = Field(default=RUN_VERSION, ge=1)
    at: Instant
    utc: str
    run_id: str
    versions: dict[str, str]
    """Of everything that could matter to the numbers, by name."""


@data
class PhaseStarted:
    """A stage begins."""

    kind: Literal["phase_started"] = "phase_started"
    at: Instant
    phase: Phase


@data
class PhaseEnded:
    """A stage is over. `problem` says why it did not do what it was there for."""

    kind: Literal["phase_ended"] = "phase_ended"
    at: Instant
    phase: Phase
    problem: str | None = None


@data
class PlaybookStarted:
    """Intent: written and synced before Ansible starts."""

    kind: Literal["playbook_started"] = "playbook_started"
    at: Instant
    phase: Phase
    playbook: str
    hosts: tuple[str, ...] = ()


@data
class PlaybookEnded:
    """Fact: how it ended."""

    kind: Literal["playbook_ended"] = "playbook_ended"
    at: Instant
    phase: Phase
    playbook: str
    status: Literal["successful", "failed", "timeout", "canceled", "error"]
    rc: int
    failed_task: str | None = None
    """`host: task: message` of the first failure."""


@data
class EffectShown:
    """A fault took hold on a target, and how the target proved it."""

    kind: Literal["effect_shown"] = "effect_shown"
    at: Instant
    lease: str
    host: str
    took_hold: Interval
    """Instant on the controller's clock: the exchange that reported it bounds the mapping."""
    evidence: str


@data
class EffectMissing:
    """A fault could not be shown to have done anything."""

    kind: Literal["effect_missing"] = "effect_missing"
    at: Instant
    lease: str
    host: str
    why: str


@data
class Detected:
    """Somebody other than the runner noticed the fault."""

    kind: Literal["detected"] = "detected"
    at: Instant
    by: str
    what: str
    instant: Interval


@data
class CheckFinished:
    """A testinfra check ended. `broken` is the checker's own failure, which proves nothing either way."""

    kind: Literal["check_finished"] = "check_finished"
    at: Instant
    phase: Phase
    check: str
    name: str
    outcome: Literal["passed", "failed", "broken"]
    seconds: float
    message: str | None = None


@data
class Delay:
    """How long to wait before the fault, drawn at random, so that its phase against all periodic activity is too."""

    seconds: Seconds
    span_s: Seconds
    """It was drawn evenly from nothing to this."""
    seed: int
    number: int = Field(ge=1)
    """Which draw of the seed it is."""


@data
class DelayDrawn:
    """Intent: steady state holds, and the fault waits so long."""

    kind: Literal["delay_drawn"] = "delay_drawn"
    at: Instant
    delay: Delay


@data
class Renewed:
    """The targets were told that the run is still there, or could not be."""

    kind: Literal["renewed"] = "renewed"
    at: Instant
    """From before they were told."""
    hosts: tuple[str, ...]
    """Their leases go on."""
    ended: tuple[str, ...] = ()
    """They answered, and hold no lease of this run any more."""
    silent: tuple[str, ...] = ()
    """They could not be asked."""
    problem: str | None = None


@data
class DamageExceeded:
    """More came of the fault than the drill allows; it was ended at once."""

    kind: Literal["damage_exceeded"] = "damage_exceeded"
    at: Instant
    what: str


@data
class Whole:
    """Every target serves again and the client's place is good: the wait for recovery is over."""

    kind: Literal["whole"] = "whole"
    at: Instant
    what: str


@data
class EvidenceCollected:
    """What the hosts know of the failure is beside the journal, as far as they could be asked."""

    kind: Literal["evidence_collected"] = "evidence_collected"
    at: Instant
    hosts: tuple[str, ...]
    """Those that answered."""
    problem: str | None = None
    """Why there is not all of it. No failure of the drill: what has no evidence is told as such."""


@data
class Interrupted:
    """The run was told to stop, or the runner itself failed; what was armed is reverted all the same."""

    kind: Literal["interrupted"] = "interrupted"
    at: Instant
    why: str


@data
class RunEnded:
    """The last line. Without it the runner died."""

    kind: Literal["run_ended"] = "run_ended"
    at: Instant
    utc: str
    reverted: bool
    """Every lease was shown to be gone."""
    records: int | None = Field(default=None, ge=1)
    """So many there are, this one included: one that is missing is missed. The journal counts them itself."""


Record = Annotated[
    RunStarted
    | PhaseStarted
    | PhaseEnded
    | PlaybookStarted
    | PlaybookEnded
    | EffectShown
    | EffectMissing
    | Detected
    | CheckFinished
    | DelayDrawn
    | Renewed
    | DamageExceeded
    | Whole
    | EvidenceCollected
    | Interrupted
    | RunEnded,
    Field(discriminator="kind"),
]
