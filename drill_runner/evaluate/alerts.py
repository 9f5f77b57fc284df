"""Whether an alert noticed the fault, as far as Alertmanager was seen."""

from collections.abc import Iterable

from drill_runner.model.base import Interval, data
from drill_runner.model.sample import AlertSample, Sample


@data
class Noticed:
    """What became of one of those who had to notice."""

    instant: Interval | None
    evidence: str
    missed: bool = False
    """It was watched, and did not notice. Else, without an instant, nobody can say."""


def noticed(samples: Iterable[Sample], alert: str, effect: Interval, *, within_s: float, until: float) -> Noticed:
    """When `alert` fired: between the last look without it and the first one with it.

    One that fired already tells nothing of the fault.

    Args:
        samples: All of the run's.
        alert: Its name.
        effect: The fault's.
        within_s: So long it had to notice, in seconds; seen for less, it has missed nothing.
        until: The revert, on the controller's clock.
    """
    asked = [one for one in samples if isinstance(one, AlertSample) and one.asked < until]
    asked.sort(key=lambda one: (one.asked, repr(one)))
    looks = [(one, one.firing) for one in asked if one.firing is not None]
    if not any(one.answered >= effect.lower for one, _ in looks):
        problems = [one.error for one in asked if one.error]
        return Noticed(instant=None, evidence="Alertmanager did not answer after the effect" + _after(problems[-1:]))
    before: tuple[AlertSample, dict[str, str]] | None = None
    for one, firing in looks:
        if alert in firing and one.answered >= effect.lower:
            if before is None:
                return Noticed(instant=None, evidence=f"alert {alert} was never seen not to fire")
            if alert in before[1]:
                return Noticed(instant=None, evidence=f"alert {alert} fired before the fault had its effect")
            at = Interval(lower=before[0].asked, upper=max(before[0].asked, one.answered))
            return Noticed(instant=at, evidence=f"alert {alert} fired; its own time stamp is {firing[alert]}")
        before = one, firing
    if looks[-1][0].asked < effect.lower + within_s:
        return Noticed(instant=None, evidence=f"alert {alert} did not fire before Alertmanager was last seen")
    return Noticed(instant=None, evidence=f"alert {alert} was never seen to fire", missed=True)


def _after(problems: list[str]) -> str:
    return "".join(f": {problem}" for problem in problems)
