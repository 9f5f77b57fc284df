"""The committed JSON Schemas of `result.json` and `summary.json`: made from the classes, so that they cannot drift."""

from pathlib import Path

from drill_runner.evaluate import result_schema
from drill_runner.history import summary_schema

PATH = Path(__file__).with_name("result.schema.json")
SUMMARY_PATH = Path(__file__).with_name("summary.schema.json")


def write() -> tuple[Path, ...]:
    """Bring the files up to date: `python -m drill_runner.report.schema` after a change of the classes."""
    PATH.write_text(result_schema(), encoding="utf-8")
    SUMMARY_PATH.write_text(summary_schema(), encoding="utf-8")
    return PATH, SUMMARY_PATH


if __name__ == "__main__":
    print(*write(), sep="\n")  # noqa: T201
