"""A repeated drill as one HTML file: every quantity over the runs, and the runs with the way to their own reports."""

from collections.abc import Iterator

from drill_runner.model.base import data
from drill_runner.model.summary import RunRow, Spread, Summary
from drill_runner.report import pages, wording


@data
class Bar:
    """A run's interval as part of a row's width, in percent."""

    left: float
    width: float
    verdict: str
    note: str


def render(summary: Summary) -> str:
    """The whole page; needs no script."""
    return pages.template("summary.html.j2").render(
        summary=summary,
        words=wording,
        counts=wording.verdict_counts(summary.runs),
        sound=sum(run.sound for run in summary.runs),
        rows=[(spread, list(_bars(spread, summary.runs))) for spread in summary.spreads],
        style=pages.source("report.css"),
    )


def _bars(spread: Spread, runs: tuple[RunRow, ...]) -> Iterator[Bar]:
    known = [
        (run, one.actual)
        for run in runs
        if run.sound
        for one in run.measured
        if one.name == spread.name and one.actual is not None
    ]
    if not known:
        return
    low, high = min(span.lower for _, span in known), max(span.upper for _, span in known)
    room, edge = (high - low or 1.0), (0.0 if high > low else 50.0)  # all the same: in the middle
    for run, span in known:
        yield Bar(
            left=round(edge + 100 * (span.lower - low) / room, 2),
            width=round(100 * span.width / room, 2),
            verdict=run.verdict,
            note=f"{run.run_id}: {wording.interval(span, spread.unit)}",
        )
