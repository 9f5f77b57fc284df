"""`result.schema.json`, the committed JSON Schema of `result.json`: made from the classes, so that it cannot drift."""

from pathlib import Path

from drill_runner.evaluate import result_schema

PATH = Path(__file__).with_name("result.schema.json")


def write() -> Path:
    """Bring the file up to date: `python -m drill_runner.report.schema` after a change of the classes."""
    PATH.write_text(result_schema(), encoding="utf-8")
    return PATH


if __name__ == "__main__":
    print(write())  # noqa: T201
