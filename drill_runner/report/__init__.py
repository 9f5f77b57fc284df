"""The result for people and machines: text, HTML, JUnit, Markdown, JSON Schema. Pure, but for `write_all`."""

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

from drill_runner.model.plan import AnyPlan
from drill_runner.model.result import Result
from drill_runner.model.sample import Sample
from drill_runner.report import html, junit

__all__ = ["JUNIT", "REPORT", "RESULT", "write_all", "write_atomically"]

RESULT = "result.json"
REPORT = "report.html"
JUNIT = "junit.xml"


def write_all(
    folder: Path, result: Result, samples: Sequence[Sample], plan: AnyPlan | None, *, result_json: str
) -> Path:
    """Write `result.json` (given as text), `report.html` and `junit.xml`; gives the HTML report's path.

    `plan` is None where it could not be read. `result.json` comes last: a folder that holds it holds the other two.
    """
    report = folder / REPORT
    write_atomically(report, html.render(result, samples, plan))
    write_atomically(folder / JUNIT, junit.render(result))
    write_atomically(folder / RESULT, result_json)
    return report


def write_atomically(path: Path, text: str) -> None:
    """Write a whole file or none: a reader never sees half of it, and a full disk leaves the old one."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
