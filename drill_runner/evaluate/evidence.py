"""What the hosts' own records say, with every instant carried over to the controller's clock.

A host read its clock between two readings of the controller's, so the difference of the clocks lies between two bounds;
several exchanges cut these bounds. Clocks drift: an instant is known the less the longer it was before the exchange.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from drill_runner.model.base import Interval
from drill_runner.model.evidence import Event, EventKind, Exchange, HostEvidence, Unit

DRIFT = 1e-4
"""Two clocks move apart by no more than this share of the time: 50 ppm of a quartz each."""
ARRIVAL_S = 0.05
"""A line is in the journal so long after it was written at most, where its sender does not say when that was."""
TICK_S = 0.01
"""Resolution of a process's start as the kernel tells it to systemd."""


@dataclass(frozen=True)
class Clock:
    """How a host's clock is carried over."""

    ahead: Interval
    """The controller's clock less the host's."""
    read: float
    """The host's instant at which that was found."""

    def instant(self, since: float, until: float) -> Interval:
        """What lies between two of the host's instants, on the controller's clock."""
        drift = DRIFT * max(0.0, self.read - since)
        return Interval(lower=since + self.ahead.lower - drift, upper=until + self.ahead.upper + drift)


def clock_of(exchanges: Sequence[Exchange]) -> Clock | None:
    """The tightest bounds that all exchanges allow; None without any, or if they contradict each other."""
    if not exchanges:
        return None
    lower = max(one.asked - one.monotonic for one in exchanges)
    upper = min(one.answered - one.monotonic for one in exchanges)
    if lower > upper:
        return None
    return Clock(ahead=Interval(lower=lower, upper=upper), read=max(one.monotonic for one in exchanges))


@dataclass(frozen=True)
class Seen:
    """An event with its bounds on the controller's clock."""

    host: str
    event: Event
    at: Interval


@dataclass(frozen=True)
class Witness:
    """One host, after the effect and before the revert."""

    host: str
    unit: Unit | None
    seen: tuple[Seen, ...]
    clock: Clock
    after: float
    before: float

    def of(self, *kinds: EventKind, server: str | None = None) -> tuple[Seen, ...]:
        """Events of these kinds, in order."""
        return tuple(one for one in self.seen if one.event.kind in kinds and one.event.server == server)

    def stamp(self, at: float | None, within: float = 0.0) -> Interval | None:
        """One of systemd's time stamps, if it falls into the time that matters."""
        if at is None:
            return None
        found = self.clock.instant(at, at + within)
        return found if found.upper >= self.after and found.lower < self.before else None


def witnesses(told: Sequence[HostEvidence], effect: Interval | None, revert: float) -> dict[str, Witness]:
    """Every host whose clock can be compared, by name. Nobody without an effect: there is nothing to tell about."""
    if effect is None:
        return {}
    found: dict[str, Witness] = {}
    for one in sorted(told, key=lambda one: one.host):
        clock = clock_of(one.told.exchanges)
        if clock is not None:
            seen = tuple(
                sorted(_seen(one, clock, effect.lower, revert), key=lambda seen: (seen.at.upper, seen.at.lower))
            )
            found[one.host] = Witness(
                host=one.host, unit=one.told.unit, seen=seen, clock=clock, after=effect.lower, before=revert
            )
    return found


def _seen(one: HostEvidence, clock: Clock, after: float, before: float) -> Iterator[Seen]:
    for event in one.told.events:
        since = event.at - ARRIVAL_S if event.since is None else event.since
        at = clock.instant(min(since, event.at), event.at)
        if at.upper >= after and at.lower < before:
            yield Seen(host=one.host, event=event, at=at)
