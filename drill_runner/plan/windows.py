"""When a drill may run: inside every window of every host that it breaks, with time enough to end there."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from drill_runner.model.plan import Phase, Plan
from drill_runner.model.window import Window, parse_window
from drill_runner.plan.steps import PLAYBOOK_SPARE_S

AHEAD = timedelta(days=15)
"""How far the next opening is looked for: every window comes again within a week, whatever the clocks do."""

Span = tuple[datetime, datetime]


def longest_s(plan: Plan) -> float:
    """How long a run may take when each stage takes as long as it may."""
    stages = sum(step.at_most_s or 0.0 for step in plan.steps)
    injecting = sum(PLAYBOOK_SPARE_S for step in plan.steps if step.phase is Phase.INJECT)
    return stages + injecting + plan.drill.settle_s


def why_closed(plan: Plan, now: datetime, waiting_s: float = 0.0) -> str | None:
    """Why the drill may not start at `now`, and when it may; None if it may.

    Args:
        plan: What would be done.
        now: An aware instant.
        waiting_s: How long the fault may be put off on purpose.
    """
    hosts = [host for host in plan.inventory.hosts if host.name in plan.targets and host.drill_windows]
    if not hosts:
        return None
    spans = [(now - AHEAD, now + AHEAD)]
    for host in hosts:
        spans = _common(spans, openings(map(parse_window, host.drill_windows), now))
    needed = timedelta(seconds=longest_s(plan) + waiting_s)
    fitting = next((span for span in spans if span[1] - max(span[0], now) >= needed), None)
    if fitting is not None and fitting[0] <= now:
        return None
    zone = parse_window(hosts[0].drill_windows[0]).zone
    closes = next((end for start, end in spans if start <= now < end), None)
    state = f"open only until {closes.astimezone(zone):%H:%M %Z}" if closes else "closed now"
    following = (
        f"the next opening is {fitting[0].astimezone(zone):%a %Y-%m-%d %H:%M %Z}"
        if fitting
        else f"no opening of the next {AHEAD.days} days is long enough"
    )
    return (
        f"{plan.inventory.source}: drill_windows of {', '.join(host.name for host in hosts)}: {state}, "
        f"and {plan.drill.name} may take {needed.total_seconds():.0f} s; {following}"
    )


def openings(windows: Iterable[Window], now: datetime) -> list[Span]:
    """When at least one of the windows is open, around `now`, in order; those that meet are one."""
    spans = sorted(
        (span[0].astimezone(UTC), span[1].astimezone(UTC))
        for window in windows
        for days in range(-2, AHEAD.days + 1)
        if (span := window.on(now.astimezone(window.zone).date() + timedelta(days=days)))
    )
    joined: list[Span] = []
    for start, end in spans:
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], end))
        else:
            joined.append((start, end))
    return joined


def _common(some: list[Span], others: list[Span]) -> list[Span]:
    """When both are open."""
    both = [(max(a[0], b[0]), min(a[1], b[1])) for a in some for b in others]
    return sorted(span for span in both if span[0] < span[1])
