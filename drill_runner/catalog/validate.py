"""Plain values into the model's data, and pydantic's errors into the one message."""

import dataclasses
import json
import reprlib
import types
import typing
from collections.abc import Callable
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from drill_runner.catalog.yaml_file import KeyPath, Plain
from drill_runner.errors import UsageError, expected_one_of

T = TypeVar("T")

UNKNOWN_KEY = "unexpected_keyword_argument"

WORDS = {
    "dataclass_type": "must be a mapping",
    "dict_type": "must be a mapping",
    "tuple_type": "must be a list",
    "string_type": "must be text",
    "bool_type": "must be true or false",
    "int_type": "must be a whole number",
    "float_type": "must be a number",
    "missing": "missing",
    "too_short": "must not be empty",
    "string_too_short": "must not be empty",
}
"""Pydantic's kinds of errors in the words of somebody who writes YAML."""


def validated(cls: type[T], value: Plain, where: Callable[[KeyPath], str], given: frozenset[str] = frozenset()) -> T:
    """Make a `cls` of what a file says.

    Args:
        cls: A class of the model.
        value: What the file says.
        where: Names the file, line and key of a value.
        given: Keys that the file may not have, because they come from elsewhere.

    Raises:
        UsageError: The first thing that is wrong, and how many more there are.
    """
    try:
        # As JSON: strict, so that "1" and true are no numbers, and yet a list is a tuple.
        return TypeAdapter(cls).validate_json(json.dumps(value), strict=True)
    except ValidationError as error:
        raise UsageError(_message(cls, value, error, where, given)) from error


def _message(
    cls: type, value: Plain, error: ValidationError, where: Callable[[KeyPath], str], given: frozenset[str]
) -> str:
    by_key: dict[KeyPath, list[ErrorDetails]] = {}
    # A key nobody knows comes first: what is missing is often just that key, spelt right.
    for detail in sorted(error.errors(), key=lambda each: each["type"] != UNKNOWN_KEY):
        if detail["type"] != "too_short" or not detail["input"]:  # else: only short of what is wrong by itself
            by_key.setdefault(_keys(value, detail), []).append(detail)
    keys, details = next(iter(by_key.items()))
    text = _words(cls, keys, details[0], given) if len(details) == 1 else "must be true or false, a number, or text"
    if details[0]["type"] not in ("missing", UNKNOWN_KEY, "too_short", "string_too_short"):
        text += f", not {reprlib.repr(details[0]['input'])}"
    more = f" (and {len(by_key) - 1} more)" if len(by_key) > 1 else ""
    return f"{where(keys)}: {text}{more}"


def _keys(value: Plain, detail: ErrorDetails) -> KeyPath:
    """Pydantic's path as far as it is the file's: it goes on into the members of a union, and marks keys."""
    keys: list[str | int] = []
    for step in detail["loc"]:
        match value, step:
            case list(), int():
                value = value[step]
            case dict(), str() if step in value:
                value = value[step]
            case _:
                return (*keys, step) if detail["type"] == "missing" else tuple(keys)
        keys.append(step)
    return tuple(keys)


def _words(cls: type, keys: KeyPath, detail: ErrorDetails, given: frozenset[str]) -> str:
    if detail["type"] == UNKNOWN_KEY:
        return f"unknown key; {expected_one_of(str(keys[-1]), _fields(cls, keys[:-1]) - given)}"
    message = detail["msg"].removeprefix("Value error, ").replace("Input should be", "must be")
    return WORDS.get(detail["type"], message.replace("String should", "must"))


def _fields(cls: object, keys: KeyPath) -> set[str]:
    """The keys that the model has at a place."""
    for key in keys:
        # A list's items are all of one class, and so is what may be left out.
        cls = typing.get_args(cls)[0] if isinstance(key, int) else typing.get_type_hints(cls)[key]
        if isinstance(cls, types.UnionType):
            cls = typing.get_args(cls)[0]
    return {field.name for field in dataclasses.fields(cls)} if dataclasses.is_dataclass(cls) else set()
