"""What the observer saw: one line of `samples.jsonl` each."""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from drill_runner.model.base import RUN_VERSION, Instant, data


class Outcome(StrEnum):
    """How a scheduled probe ended. Only `OK` is good."""

    OK = "ok"
    WRONG_ANSWER = "wrong_answer"
    TOO_SLOW = "too_slow"
    HTTP_ERROR = "http_error"
    CONNECTION_ERROR = "connection_error"
    TIMEOUT = "timeout"
    TRUNCATED = "truncated"
    """The answer broke off."""
    NOT_SENT = "not_sent"
    """The probe fell behind its schedule, or was stopped with the request still open."""


@data
class ObserverStarted:
    """The observer's first line: what it will do, and the clock it does it by."""

    kind: Literal["observer_started"] = "observer_started"
    version: int = Field(default=RUN_VERSION, ge=1)
    at: Instant
    utc: str
    rate_hz: float
    timeout_s: float
    ttft_slo_ms: float
    stream_rate_hz: float = 0.0
    """Streams a second; 0 where none were sent."""
    stream_tokens: int = 0
    """Tokens that each stream asks for."""
    stream_timeout_s: float = 0.0
    url: str
    model: str


@data
class ProbeSample:
    """One scheduled request for tokens. Latency counts from `due`, not from when it was sent."""

    kind: Literal["probe"] = "probe"
    seq: int = Field(ge=0)
    """0, 1, 2 … in the order of the schedule: a gap is a lost sample."""
    due: Instant
    sent: Instant | None
    """None: never sent."""
    first_token: Instant | None
    """When the first byte of the answer's content arrived."""
    end: Instant
    outcome: Outcome
    status: int | None = None
    """HTTP status, if one came."""
    replica: str | None = None
    """Who answered, as the load balancer says."""
    retries: int | None = None
    """How often the load balancer had sent it again, as it says itself; None: it does not say."""
    answer: str | None = None
    """The text that came instead of the golden one; kept for wrong answers only."""
    error: str | None = None
    """One line for a person; carries no secret."""


@data
class StreamSample:
    """One scheduled request for many tokens, streamed: what becomes of an answer that takes its time."""

    kind: Literal["stream"] = "stream"
    seq: int = Field(ge=0)
    """0, 1, 2 … in the order of the streams' own schedule."""
    due: Instant
    sent: Instant | None
    """None: never sent."""
    first_token: Instant | None
    gaps_ms: tuple[Annotated[float, Field(ge=0, allow_inf_nan=False)], ...] = ()
    """Between the arrivals of one token and the next, in milliseconds; with `first_token` they give the instants."""
    tokens: int = Field(ge=0)
    """Events with text that came; the engines here send an event for each token."""
    end: Instant
    outcome: Outcome
    """Wrong: it does not begin with the golden answer. The rest of it is nobody's golden answer."""
    status: int | None = None
    replica: str | None = None
    retries: int | None = None
    answer: str | None = None
    """How a wrong one began."""
    error: str | None = None


@data
class PoolSample:
    """The load balancer's view of its servers at one instant."""

    kind: Literal["pool"] = "pool"
    asked: Instant
    answered: Instant
    servers: dict[str, str]
    """HAProxy's status word by server: UP, DOWN, DRAIN, MAINT, NOLB…; empty when the statistics did not answer."""
    error: str | None = None


@data
class AlertSample:
    """What fired by Alertmanager at one instant: alerts that are neither silenced nor inhibited."""

    kind: Literal["alert"] = "alert"
    asked: Instant
    answered: Instant
    firing: dict[str, str] | None
    """The earliest `startsAt` by `alertname`; by the clock of whoever sent the alert, so no more than information.
    Empty: nothing fires. None: Alertmanager did not answer."""
    error: str | None = None


@data
class ClockSample:
    """The observer's check of itself, once a second: was it late, did UTC move against the monotonic clock."""

    kind: Literal["clock"] = "clock"
    at: Instant
    late_s: float
    """How much later than asked for the observer's loop woke."""
    utc_shift_s: float
    """UTC less monotonic, against the same difference at the start."""


@data
class ObserverStopped:
    """The observer's last line. Without it the samples are cut short."""

    kind: Literal["observer_stopped"] = "observer_stopped"
    at: Instant
    scheduled: int = Field(ge=0)
    """How many probes were scheduled: so many `probe` lines there must be."""
    streams_scheduled: int = Field(default=0, ge=0)
    """The same of `stream` lines."""
    lines: int | None = Field(default=None, ge=1)
    """So many there are of all kinds, this one included. None: they were not counted."""


Sample = Annotated[
    ObserverStarted | ProbeSample | StreamSample | PoolSample | AlertSample | ClockSample | ObserverStopped,
    Field(discriminator="kind"),
]
