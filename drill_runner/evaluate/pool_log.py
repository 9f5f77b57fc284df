"""What load balancers logged of the fault's targets: the same instants as their statistics tell, and tighter."""

from collections.abc import Iterable

from drill_runner.evaluate.evidence import Seen, Witness
from drill_runner.model.base import Interval
from drill_runner.model.evidence import EventKind

STATES = (EventKind.SERVER_DOWN, EventKind.SERVER_UP)


def left(witnesses: Iterable[Witness], target: str) -> Seen | None:
    """When a load balancer first found `target` down, after the effect."""
    return _first(one for witness in witnesses for one in witness.of(EventKind.SERVER_DOWN, server=target))


def came_back(witnesses: Iterable[Witness], target: str) -> Seen | None:
    """When the last of those that had found `target` down found it up for good; None if one did not."""
    found: list[Seen] = []
    for witness in witnesses:
        changes = witness.of(*STATES, server=target)
        downs = [number for number, one in enumerate(changes) if one.event.kind is EventKind.SERVER_DOWN]
        if not downs:
            continue
        if downs[-1] + 1 == len(changes):
            return None
        found.append(changes[downs[-1] + 1])
    return max(found, key=_order, default=None)


def why(witnesses: Iterable[Witness], down: Seen) -> str:
    """The check that failed with `down`, in the load balancer's words."""
    failed = [
        one
        for witness in witnesses
        if witness.host == down.host
        for one in witness.of(EventKind.CHECK_FAILED, server=down.event.server)
        if one.at.lower <= down.at.upper
    ]
    return failed[-1].event.text if failed else down.event.text


def served(witnesses: Iterable[Witness], target: str) -> Seen | None:
    """The first request that `target` answered well after it was found up."""
    return _first(
        one
        for witness in witnesses
        if (up := came_back([witness], target)) is not None
        for one in witness.of(EventKind.REQUEST_SERVED, server=target)
        if one.at.upper >= up.at.lower
    )


def narrowed(polled: Interval | None, logged: Interval | None) -> Interval | None:
    """Both contain the instant, so what they share does. Where they contradict each other, the statistics stand."""
    if polled is None or logged is None:
        return polled or logged
    lower, upper = max(polled.lower, logged.lower), min(polled.upper, logged.upper)
    return Interval(lower=lower, upper=upper) if lower <= upper else polled


def _first(seen: Iterable[Seen]) -> Seen | None:
    return min(seen, key=_order, default=None)


def _order(one: Seen) -> tuple[float, float, str]:
    return one.at.upper, one.at.lower, one.host
