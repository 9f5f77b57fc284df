"""`catalog → plan → execute ∥ observe → journal → evaluate → history → report`: left never imports right."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import drill_runner

PACKAGE = Path(drill_runner.__file__).parent

LAYERS = (
    {"__init__", "model", "errors"},
    {"catalog"},
    {"plan"},
    {"execute", "observe", "postconditions", "pytest_plugin", "journal", "deployed", "audit", "who", "approval"},
    {"evaluate"},
    {"history"},
    {"report"},
    {"drill", "cli", "__main__"},
)
"""From left to right. The last sees everything."""

ONLY = {"ansible_runner": "execute", "yaml": "catalog"}
"""Libraries that one module alone may import."""


def violations(package: Path) -> list[str]:
    """Every import in `package` that goes to the right, or to a library that is another module's."""
    return [
        f"{path.relative_to(package)}: {why}" for path in sorted(package.rglob("*.py")) for why in _wrong(package, path)
    ]


def _wrong(package: Path, path: Path) -> Iterator[str]:
    module = path.relative_to(package).parts[0].removesuffix(".py")
    mine = _layer(module)
    if mine is None:
        yield f"{module} has no place in LAYERS"
        return
    for name in _imports(ast.parse(path.read_text(encoding="utf-8")), package, path):
        top, _, rest = name.partition(".")
        if top in ONLY and module != ONLY[top]:
            yield f"imports {top}, which only {ONLY[top]} may"
        other = rest.partition(".")[0]
        if top == package.name and other:
            theirs = _layer(other)
            if theirs is not None and theirs > mine:
                yield f"imports {other}, which is to the right of {module}"


def _layer(module: str) -> int | None:
    return next((number for number, modules in enumerate(LAYERS) if module in modules), None)


def _imports(tree: ast.Module, package: Path, path: Path) -> Iterator[str]:
    """The dotted names that a module imports, wherever in it, for types only too."""
    folder = (package.name, *path.relative_to(package).parts[:-1])
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            start = folder[: len(folder) + 1 - node.level] if node.level else ()
            base = ".".join((*start, *filter(None, [node.module])))
            yield from (f"{base}.{alias.name}" for alias in node.names)


def test_left_never_imports_right() -> None:
    assert violations(PACKAGE) == []


def test_every_module_of_the_table_that_the_way_needs_is_there() -> None:
    there = {path.name.removesuffix(".py") for path in PACKAGE.iterdir()}
    assert {"model", "errors", "catalog", "plan", "report", "cli"} <= there


@pytest.mark.parametrize(
    ("file", "text", "why"),
    [
        ("plan.py", "from drill_runner.execute import run", "imports execute, which is to the right of plan"),
        ("plan.py", "import drill_runner.cli.list", "imports cli, which is to the right of plan"),
        ("plan.py", "from drill_runner import journal", "imports journal, which is to the right of plan"),
        ("plan.py", "def f():\n    from .report import html", "imports report, which is to the right of plan"),
        ("model/x.py", "from ..catalog import Project", "imports catalog, which is to the right of model"),
        ("model/x.py", "from .. import drill", "imports drill, which is to the right of model"),
        (
            "evaluate/x.py",
            "from drill_runner.report.text import y",
            "imports report, which is to the right of evaluate",
        ),
        ("plan.py", "import yaml", "imports yaml, which only catalog may"),
        ("drill.py", "from yaml import safe_load", "imports yaml, which only catalog may"),
        ("cli/run.py", "import ansible_runner.interface", "imports ansible_runner, which only execute may"),
        ("helpers.py", "", "helpers has no place in LAYERS"),
    ],
)
def test_the_rule_is_seen_to_be_broken(tmp_path: Path, file: str, text: str, why: str) -> None:
    path = tmp_path / "drill_runner" / file
    path.parent.mkdir(parents=True)
    path.write_text(text, encoding="utf-8")
    assert violations(tmp_path / "drill_runner") == [f"{file}: {why}"]


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("catalog/x.py", "import yaml\nfrom drill_runner.model.drill import Drill\nfrom .project import Project"),
        ("execute.py", "import ansible_runner\nfrom drill_runner import __version__, errors"),
        ("drill.py", "from drill_runner import catalog, execute, report"),
    ],
)
def test_the_rule_allows_what_it_should(tmp_path: Path, file: str, text: str) -> None:
    path = tmp_path / "drill_runner" / file
    path.parent.mkdir(parents=True)
    path.write_text(text, encoding="utf-8")
    assert violations(tmp_path / "drill_runner") == []
