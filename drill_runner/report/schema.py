"""`result.schema.json`: the JSON Schema of a result, made from the classes so that it cannot drift."""

import json
from importlib import resources
from pathlib import Path

from pydantic import TypeAdapter

from drill_runner.model.result import RESULT_VERSION, Result

FILE_NAME = "result.schema.json"


def render() -> str:
    """The schema's text, as it is committed."""
    schema = TypeAdapter(Result).json_schema(mode="serialization")
    head = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"drill_runner result, version {RESULT_VERSION}",
    }
    return json.dumps(head | {key: value for key, value in schema.items() if key != "title"}, indent=2) + "\n"


def committed() -> str:
    """The schema's text, as the package carries it."""
    return resources.files(__package__ or "drill_runner.report").joinpath(FILE_NAME).read_text(encoding="utf-8")


def write() -> Path:
    """Bring the package's file up to date: `python -m drill_runner.report.schema` after a change of the classes."""
    path = Path(__file__).with_name(FILE_NAME)
    path.write_text(render(), encoding="utf-8")
    return path


if __name__ == "__main__":
    print(write())  # noqa: T201
