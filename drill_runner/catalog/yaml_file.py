"""A YAML file as plain values, each of which knows its line."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import yaml

from drill_runner.catalog.project import Project
from drill_runner.errors import UsageError

Plain: TypeAlias = "bool | int | float | str | list[Plain] | dict[str, Plain] | None"
"""What a YAML file may hold: no dates, no binary, no objects."""

KeyPath: TypeAlias = tuple[str | int, ...]
"""How to reach a value from the top: keys and list positions."""

MOST_VALUES = 20_000
DEEPEST = 50
BIGGEST = 2**63
"""Bounds that nothing written by a person reaches, and that a file which contains itself does."""


class _Loader(yaml.SafeLoader):
    """Safe, and knows Ansible's own tags only well enough to pass them by."""


def _opaque(_loader: yaml.SafeLoader, _suffix: str, node: yaml.Node) -> str:
    return str(node.value)


for _tag in ("!vault", "!unsafe"):
    _Loader.add_multi_constructor(_tag, _opaque)


@dataclass(frozen=True)
class YamlFile:
    """What a file says, and where it says it."""

    shown: str
    """The file's name in messages."""
    value: Plain
    node: yaml.Node | None

    def where(self, keys: KeyPath) -> str:
        """`file:line: key.path` of a value, or of the nearest one above it that the file has."""
        line = f":{_line(self.node, keys)}" if self.node is not None else ""
        return f"{self.shown}{line}{': ' if keys else ''}{spelt(keys)}"

    def error(self, keys: KeyPath, message: str) -> UsageError:
        """The one message about the value at `keys`."""
        return UsageError(f"{self.where(keys)}: {message}")


def read_yaml(project: Project, path: Path) -> YamlFile:
    """Read one file.

    Raises:
        UsageError: It cannot be read, is not YAML, names a key twice, or holds what no file here may hold.
    """
    shown = project.shown(path)
    try:
        text = path.read_bytes()
    except OSError as error:
        raise UsageError(f"{shown}: cannot be read: {error.strerror}") from error
    loader: yaml.SafeLoader | None = None
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
        if node is None:
            return YamlFile(shown=shown, value=None, node=None)
        _refuse_twins(shown, node)
        value = loader.construct_document(node)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f":{mark.line + 1}" if mark else ""
        raise UsageError(f"{shown}{line}: not YAML: {error.problem or error.context}") from error
    except yaml.reader.ReaderError as error:
        raise UsageError(f"{shown}: not YAML: {error.reason} at position {error.position}") from error
    except RecursionError as error:
        raise UsageError(f"{shown}: nested too deep") from error
    except (ValueError, ArithmeticError, LookupError, AttributeError, TypeError) as error:
        # PyYAML lets Python's own errors out where a scalar belies its tag: `2026-99-99`, `!!bool maybe`.
        raise UsageError(f"{shown}: not YAML: a value is not what it looks like: {error!r}") from error
    finally:
        if loader is not None:
            loader.dispose()
    made = YamlFile(shown=shown, value=value, node=node)
    _refuse_strange(made)
    return made


def spelt(keys: KeyPath) -> str:
    """`("faults", 0, "params")` as people write it: `faults[0].params`."""
    text = ""
    for key in keys:
        if isinstance(key, int):
            text += f"[{key}]"
        else:
            text += ("." if text else "") + (key if key.isprintable() and key else repr(key))
    return text


def _line(node: yaml.Node, keys: KeyPath) -> int:
    mark = node.start_mark
    for key in keys:
        found = _child(node, key)
        if found is None:
            break
        mark, node = found[0].start_mark, found[1]
    return int(mark.line) + 1


def _child(node: yaml.Node, key: str | int) -> tuple[yaml.Node, yaml.Node] | None:
    """The node that begins a child, and the one that is its value."""
    if isinstance(node, yaml.SequenceNode) and isinstance(key, int) and key < len(node.value):
        return node.value[key], node.value[key]
    if isinstance(node, yaml.MappingNode):
        for name, value in node.value:
            if name.value == key:
                return name, value
    return None


def _refuse_twins(shown: str, top: yaml.Node) -> None:
    """YAML lets a later key win over an earlier one of the same name; a person who wrote both meant neither."""
    seen: set[int] = set()
    todo: list[tuple[KeyPath, yaml.Node]] = [((), top)]
    while todo:
        keys, node = todo.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            todo += [((*keys, index), child) for index, child in enumerate(node.value)]
        elif isinstance(node, yaml.MappingNode):
            lines: dict[str, int] = {}
            for name, child in node.value:
                path = (*keys, str(name.value))
                line = name.start_mark.line + 1
                if isinstance(name, yaml.ScalarNode) and name.value in lines:
                    raise UsageError(
                        f"{shown}:{line}: {spelt(path)}: the same key twice (first in line {lines[name.value]})"
                    )
                lines[str(name.value)] = line
                todo.append((path, child))


def _refuse_strange(file: YamlFile) -> None:
    """Only plain values, in bounds, with text for keys."""
    for count, (keys, value) in enumerate(_walk((), file.value)):
        if count > MOST_VALUES or len(keys) > DEEPEST:
            raise UsageError(f"{file.shown}: too large or too deep: does it contain itself?")
        if isinstance(value, dict):
            for key in value:
                if not isinstance(key, str):
                    raise file.error(keys, f"the key {key!r} must be text: put it in quotes")
        elif isinstance(value, int) and not -BIGGEST <= value < BIGGEST:
            raise file.error(keys, "the number is too large")
        elif not isinstance(value, str | int | float | list | None):
            raise file.error(keys, f"a {type(value).__name__} is not used here: put it in quotes")


def _walk(keys: KeyPath, value: Plain) -> Iterator[tuple[KeyPath, Plain]]:
    yield keys, value
    if isinstance(value, dict):
        for key, child in value.items():
            yield from _walk((*keys, str(key)), child)
    elif isinstance(value, list):
        for index, child in enumerate(value):
            yield from _walk((*keys, index), child)
