"""Numbers as people read them in a reason."""

from drill_runner.evaluate.objectives import AT_LEAST
from drill_runner.model.base import Interval
from drill_runner.model.result import ObjectiveResult

_WHAT = {
    "rto_s": "service restored after",
    "replica_rto_s": "every target serving again after",
    "detect_s": "detected after",
    "rpo_s": "what was restored goes back to before the fault by",
    "failed_requests": "failed requests:",
    "availability": "availability",
    "ttft_p99_ms": "99th percentile of the time to first token:",
    "itl_p99_ms": "99th percentile of the time between two tokens:",
    "goodput_min": "streams that came whole and within the service level:",
}
_UNIT = {"s": " s", "ms": " ms", "requests": "", "share": ""}


LONGEST = 200
"""Characters of somebody else's words in a reason; all of them stay where the result lists checks and phases."""


def first_line(text: str | None) -> str:
    """What a reason needs of a message that may be a page: its first line, cut where it gets too long."""
    line = next(iter((text or "").strip().splitlines()), "")
    return line if len(line) <= LONGEST else line[: LONGEST - 1].rstrip() + "…"


def span(interval: Interval, digits: int = 2) -> str:
    """`0.31 to 0.42`, or one number if that is all it is."""
    lower, upper = f"{interval.lower:.{digits}f}", f"{interval.upper:.{digits}f}"
    return lower if lower == upper else f"{lower} to {upper}"


def promise(objective: ObjectiveResult) -> str:
    """An objective against its actual value, in one clause."""
    unit, digits = _UNIT[objective.unit], {"s": 2, "ms": 0, "requests": 0, "share": 5}[objective.unit]
    bound = "at least" if objective.name in AT_LEAST else "at most"
    said = f"promised {bound} {objective.objective:g}{unit}"
    if objective.actual is None and objective.met is False:
        return f"the service was still bad when the watch ended, and had been for longer than promised: {said}"
    if objective.actual is None:
        return (
            f"{_WHAT[objective.name]} an unknown time, {said}"
            if objective.unit == "s"
            else f"{objective.name}: unknown, {said}"
        )
    open_ = ", which the bounds leave open" if objective.met is None else ""
    return f"{_WHAT[objective.name]} {span(objective.actual, digits)}{unit}, {said}{open_}"
