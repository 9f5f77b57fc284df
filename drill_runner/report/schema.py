"""The committed JSON Schemas: made from the classes, so that they cannot drift."""

from collections.abc import Callable, Mapping
from pathlib import Path

from drill_runner.evaluate import result_schema
from drill_runner.history import comparison_schema, pasts_schema, summary_schema

SCHEMAS: Mapping[str, Callable[[], str]] = {
    "result": result_schema,
    "summary": summary_schema,
    "comparison": comparison_schema,
    "history": pasts_schema,
}
"""Name → what makes it."""


def path(name: str) -> Path:
    """Where the schema called `name` is, in the package."""
    return Path(__file__).with_name(f"{name}.schema.json")


def write() -> tuple[Path, ...]:
    """Bring the files up to date: `python -m drill_runner.report.schema` after a change of the classes."""
    for name, make in SCHEMAS.items():
        path(name).write_text(make(), encoding="utf-8")
    return tuple(map(path, SCHEMAS))


if __name__ == "__main__":
    print(*write(), sep="\n")  # noqa: T201
