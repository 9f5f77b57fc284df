"""How one model server came back, told by its own host: each step with its evidence, or why there is none."""

from dataclasses import dataclass

from drill_runner.evaluate.evidence import TICK_S, Seen, Witness
from drill_runner.model.base import Interval
from drill_runner.model.evidence import EventKind

Finding = tuple[Interval | None, str]
"""An instant of the controller's clock, and the evidence for it or why there is none."""


@dataclass(frozen=True)
class Restart:
    """The start that serves: of several, the last one before the revert."""

    began: Finding
    """By the host itself."""
    verified: Finding
    started: Finding
    loaded: Finding


def restart_of(witness: Witness) -> Restart:
    """What `witness` says of its model server."""
    init, started = _engine_start(witness)
    return Restart(
        began=_began(witness),
        verified=_verified(witness, init, started),
        started=started,
        loaded=_loaded(witness, started[0]),
    )


def _began(witness: Witness) -> Finding:
    first = next(iter(witness.of(EventKind.RESTART_SCHEDULED, EventKind.UNIT_STARTING)), None)
    if first is not None:
        return first.at, f"systemd on {witness.host}: {first.event.text}"
    unit = witness.unit
    stamp = witness.stamp(unit.inactive_exit) if unit else None
    if unit and stamp:
        return stamp, f"systemd on {witness.host}: {unit.name} left its inactive state"
    return None, f"systemd on {witness.host} did not start the model server again"


def _engine_start(witness: Witness) -> tuple[Seen | None, Finding]:
    """The last sign before the engine's process was there, and when it was."""
    starts = witness.of(EventKind.CONTAINER_STARTED)
    if starts:
        start = starts[-1]
        init = next(
            (one for one in reversed(witness.of(EventKind.CONTAINER_INIT)) if one.at.upper <= start.at.upper), None
        )
        at = Interval(lower=min(init.at.lower, start.at.upper), upper=start.at.upper) if init else start.at
        return init, (at, f"podman on {witness.host}: from the container being ready to its process being started")
    unit = witness.unit
    stamp = witness.stamp(unit.main_start, within=TICK_S) if unit else None
    if unit and stamp:
        return None, (stamp, f"systemd on {witness.host}: main process of {unit.name}")
    return None, (None, f"{witness.host} says nothing of a new engine process")


def _verified(witness: Witness, init: Seen | None, started: Finding) -> Finding:
    unit, (start, _) = witness.unit, started
    if start is None:
        return _found_good(witness)
    if unit is None or not unit.verifies:
        found, evidence = _found_good(witness)  # as while the fault is still in it, which has to start unverified
        return found, evidence if found else f"{witness.host} has no unit that verifies weights before it starts"
    by = init.at.upper if init else start.upper
    stamp = witness.stamp(unit.verified)
    if stamp and stamp.lower <= by:
        return stamp, f"systemd on {witness.host}: the verification before the engine's start ended well"
    # systemd forgets how a step ended when it is reloaded. It begins with this step, and goes on only if it ends well.
    begun = [one for one in witness.of(EventKind.UNIT_STARTING) if one.at.lower <= by]
    if not begun:
        return None, f"systemd on {witness.host} has forgotten when"
    at = Interval(lower=min(begun[-1].at.lower, by), upper=by)
    return at, f"systemd on {witness.host}: from the unit's start, whose first step it is, to the container being ready"


def _found_good(witness: Witness) -> Finding:
    """Where no start verified anything, the verifier's word counts, when it turned."""
    bad = witness.of(EventKind.VERDICT_DOWN)
    good = [one for one in witness.of(EventKind.VERDICT_UP) if bad and one.at.upper >= bad[-1].at.upper]
    if good:
        return good[0].at, f"the verifier on {witness.host}: {good[0].event.text} after {bad[-1].event.text}"
    return None, f"{witness.host} started no engine, for which it would have verified the weights"


def _loaded(witness: Witness, started: Interval | None) -> Finding:
    since = started.lower if started else witness.after
    ready = next((one for one in witness.of(EventKind.ENGINE_READY) if one.at.upper >= since), None)
    if ready is None:
        return None, f"the engine on {witness.host} did not say that it is ready"
    return ready.at, f"the engine on {witness.host}: {ready.event.text}"
