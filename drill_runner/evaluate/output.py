"""What programs read: the same value gives the same bytes, and its schema is made from the classes."""

import json

from pydantic import TypeAdapter

from drill_runner.model.base import T
from drill_runner.model.result import Result

DIGITS = 6
"""Microseconds: more than any instant here is known to."""

_RESULT = TypeAdapter(Result)

Json = dict[str, "Json"] | list["Json"] | str | int | float | bool | None


def to_json(result: Result) -> str:
    """`result` as JSON text."""
    return written(_RESULT, result)


def result_schema() -> str:
    """The JSON Schema of `result.json`, as JSON text."""
    return schema(_RESULT)


def written(adapter: TypeAdapter[T], value: T) -> str:
    """`value` as JSON text with sorted keys and numbers of at most six decimals."""
    return json.dumps(rounded(adapter.dump_python(value, mode="json")), indent=2, sort_keys=True) + "\n"


def schema(adapter: TypeAdapter[T]) -> str:
    """The JSON Schema of what `written` gives, as JSON text."""
    draft = {"$schema": "https://json-schema.org/draft/2020-12/schema", **adapter.json_schema(mode="serialization")}
    return json.dumps(draft, indent=2, sort_keys=True) + "\n"


def rounded(value: Json) -> Json:
    """`value` with every number to at most `DIGITS` decimals."""
    if isinstance(value, float):
        return round(value, DIGITS) + 0.0  # + 0.0: no minus in front of nothing
    if isinstance(value, list):
        return [rounded(item) for item in value]
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    return value
