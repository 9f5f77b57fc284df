"""Promises against what was measured. An interval that holds the objective decides nothing."""

from collections.abc import Sequence

from drill_runner.evaluate.history import History
from drill_runner.evaluate.outages import start_of
from drill_runner.model.base import Interval
from drill_runner.model.drill import Objectives
from drill_runner.model.plan import Watch
from drill_runner.model.result import Episode, Measured, ObjectiveResult
from drill_runner.model.sample import Outcome, ProbeSample

AT_LEAST = frozenset({"availability", "goodput_min"})
"""Floors; every other objective is a ceiling."""


def objectives(
    history: History, measures: Sequence[Measured], probes: Sequence[ProbeSample], episodes: Sequence[Episode]
) -> tuple[ObjectiveResult, ...]:
    """What was promised, in the order of its own documentation; nothing without a plan."""
    if history.plan is None:
        return ()
    asked = history.plan.objectives
    overdue = isinstance(history.plan, Watch) and _still_bad(history, asked, probes, episodes)
    return tuple(
        ObjectiveResult(
            name=one.name,
            unit=one.unit,
            objective=objective,
            actual=one.actual,
            met=_met(one, objective, overdue=overdue),
        )
        for one in measures
        if (objective := getattr(asked, one.name)) is not None
    )


def _met(one: Measured, objective: float, *, overdue: bool) -> bool | None:
    if one.actual is None:
        return False if overdue and one.name == "rto_s" else None
    return holds(one.actual, objective, at_least=one.name in AT_LEAST)


def _still_bad(history: History, asked: Objectives, probes: Sequence[ProbeSample], episodes: Sequence[Episode]) -> bool:
    """Whether an outage that was not over when the watch ended had lasted for longer than was promised already.

    How long it lasts is not known, and need not be. A drill has its own way to say that nothing came back.
    """
    if asked.rto_s is None or not episodes or episodes[-1].end is not None:
        return False
    sent = [one.sent for one in probes if one.sent is not None and one.outcome not in (Outcome.OK, Outcome.NOT_SENT)]
    return max(sent, default=0.0) - start_of(history.samples) - episodes[-1].start.upper > asked.rto_s


def holds(actual: Interval, objective: float, *, at_least: bool = False) -> bool | None:
    """Whether all of `actual` is on the right side of `objective`; None if the objective is inside it."""
    if at_least:
        return True if actual.lower >= objective else False if actual.upper < objective else None
    return True if actual.upper <= objective else False if actual.lower > objective else None
