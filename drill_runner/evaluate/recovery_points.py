"""How far back restored data goes: RPA, one for each kind of data and each host.

A backup writes a numbered marker into the data before it reads them, and notes when it began and when it had read
everything. The marker that is found after the restore names the backup that the data really came from. What was
written before that backup began is back, what was written after it ended is not: the recovery point lies in between,
and RPA is the time from there to the fault's effect. Hosts tell these instants by their wall clocks, which are
carried over as in `evaluate.evidence`; a clock that was set between backup and fault is out by as much as it was set.
"""

from collections.abc import Iterator, Sequence

from drill_runner.evaluate.evidence import DRIFT
from drill_runner.evaluate.objectives import holds
from drill_runner.model.base import Interval
from drill_runner.model.evidence import Exchange, HostEvidence, Restored
from drill_runner.model.result import RecoveryPoint


def recovery_points(told: Sequence[HostEvidence], effect: Interval | None) -> tuple[RecoveryPoint, ...]:
    """Of all that was restored since the effect, in the order of hosts and kinds; nothing without an effect."""
    if effect is None:
        return ()
    points = (point for one in told for point in _of_host(one, effect))
    return tuple(sorted(points, key=lambda point: (point.host, point.kind)))


def worst(points: Sequence[RecoveryPoint]) -> Interval | None:
    """The bounds of the oldest recovery point. None where nothing was restored, or one is not known."""
    known = [point.actual for point in points if point.actual is not None]
    if not known or len(known) < len(points):
        return None
    return Interval(lower=max(one.lower for one in known), upper=max(one.upper for one in known))


def _of_host(one: HostEvidence, effect: Interval) -> Iterator[RecoveryPoint]:
    ahead = _ahead(one.told.exchanges)
    read = max((exchange.realtime for exchange in one.told.exchanges), default=0.0)
    for kind in one.told.restored:
        if ahead is None or kind.restored + ahead.upper >= effect.lower:
            actual = _age(kind, ahead, read, effect) if ahead is not None else None
            yield RecoveryPoint(
                host=one.host,
                kind=kind.kind,
                declared_s=kind.rpo_s,
                actual=actual,
                met=holds(actual, kind.rpo_s) if actual else None,
                marker=kind.marker,
                snapshot=kind.snapshot,
            )


def _age(kind: Restored, ahead: Interval, read: float, effect: Interval) -> Interval:
    """Nothing is lost of data whose backup ended after the effect."""
    drift = DRIFT * max(0.0, read - kind.begun)
    youngest, oldest = kind.ended + ahead.upper + drift, kind.begun + ahead.lower - drift
    return Interval(lower=max(0.0, effect.lower - youngest), upper=max(0.0, effect.upper - oldest))


def _ahead(exchanges: Sequence[Exchange]) -> Interval | None:
    """The controller's monotonic clock less the host's wall clock; None if the readings contradict each other."""
    lower = max((one.asked - one.realtime for one in exchanges), default=1.0)
    upper = min((one.answered - one.realtime for one in exchanges), default=0.0)
    return Interval(lower=lower, upper=upper) if lower <= upper else None
