"""A result as one row among many."""

from drill_runner.model.base import Interval
from drill_runner.model.result import Measured, Result, Verdict
from drill_runner.model.summary import RunRow


def row(result: Result) -> RunRow:
    """What remains of `result`.

    An older one has its quantities in its objectives alone, and does not know the noise of what it counted.
    """
    older = tuple(
        Measured(name=one.name, unit=one.unit, actual=one.actual, noise=one.actual if one.unit == "s" else None)
        for one in result.objectives
    )
    return RunRow(
        run_id=result.run_id,
        drill=result.drill,
        started_utc=result.started_utc,
        verdict=result.verdict,
        why=result.reasons[0].text if result.reasons else "",
        sound=result.verdict is not Verdict.INCONCLUSIVE if result.sound is None else result.sound,
        measured=result.measured or older,
    )


def actual(one: RunRow, name: str) -> Interval | None:
    """The run's value of `name`, as far as it is known."""
    return next((measured.actual for measured in one.measured if measured.name == name), None)


def noise(one: RunRow, name: str) -> Interval | None:
    """The same with the noise of sampling."""
    return next((measured.noise for measured in one.measured if measured.name == name), None)
