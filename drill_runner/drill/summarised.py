"""From a repeated drill's folder to its summary, and to the files that tell it."""

from pathlib import Path

from drill_runner.drill.judged import judged
from drill_runner.history import SUMMARY, read_summary, row, runs_of, summarise, summary_json
from drill_runner.model.summary import Summary
from drill_runner.report import REPORT, summary_page, write_atomically


def write_summary(folder: Path, summary: Summary) -> None:
    """Write `report.html` and `summary.json`, whole or not at all."""
    write_atomically(folder / REPORT, summary_page.render(summary))
    write_atomically(folder / SUMMARY, summary_json(summary))


def summarised_again(folder: Path) -> Summary:
    """Judge every run of `folder` again, and them together; what was asked for is taken from the old summary."""
    old = read_summary(folder / SUMMARY)
    summary = summarise(
        old.id,
        old.drill,
        old.summary,
        [row(judged(run)) for run in runs_of(folder)],
        wanted=old.wanted,
        stopped=old.stopped,
        seed=old.seed,
        span_s=old.span_s,
    )
    write_summary(folder, summary)
    return summary
