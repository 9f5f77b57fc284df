"""From a run's folder to its result, and to the files that tell it."""

from datetime import UTC, datetime
from pathlib import Path

from drill_runner.evaluate import evaluate, to_json
from drill_runner.evaluate.history import read_run
from drill_runner.model.result import Result
from drill_runner.report import write_all


def judged(folder: Path) -> Result:
    """Judge what `folder` holds, and write result, report and JUnit XML beside it."""
    history = read_run(folder)
    result = evaluate(history)
    write_all(folder, result, history.samples, history.plan, result_json=to_json(result))
    return result


def utc_now() -> str:
    """As a journal has it."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
