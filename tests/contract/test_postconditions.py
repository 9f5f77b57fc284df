"""What every post-condition must be, wherever it lies: a check that can fail, on hosts that it names."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FILES = sorted([*ROOT.glob("tests/postconditions/*.py"), *ROOT.glob("roles/*/checks/*.py")])
EXPECTED = {"endpoint", "pool_full", "replicas_agree", "model_integrity", "backup_fresh", "no_leases"}
SHELL_CALLS = {"run", "run_test", "run_expect"}
"""testinfra's calls whose result is always true, whatever the command did."""

each_file = pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))


def checks_in(tree: ast.Module) -> list[ast.FunctionDef]:
    return [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")]


def names_assigned(tree: ast.Module) -> set[str]:
    return {
        target.id
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }


def is_result(node: ast.expr, results: set[str]) -> bool:
    """The value is what a shell call gave, not one of its attributes."""
    if isinstance(node, ast.Name):
        return node.id in results
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in SHELL_CALLS


def truths(node: ast.expr) -> Iterator[ast.expr]:
    """The parts of a condition that are taken as true or false as they stand."""
    if isinstance(node, ast.BoolOp):
        for value in node.values:
            yield from truths(value)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield from truths(node.operand)
    else:
        yield node


def bare_asserts(tree: ast.Module) -> list[int]:
    """Lines that assert a command's result object, which is true whatever the command did."""
    results = {
        target.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and is_result(node.value, set())
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    return [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.Assert) and any(is_result(part, results) for part in truths(node.test))
    ]


def test_the_projects_own_checks_are_there() -> None:
    assert {path.stem.removeprefix("test_") for path in ROOT.glob("tests/postconditions/test_*.py")} >= EXPECTED


def test_names_are_unique() -> None:
    names = [path.stem for path in FILES]
    assert sorted(names) == sorted(set(names)), "a drill names a check by its file's name alone"


@each_file
def test_asserts_no_bare_result(path: Path) -> None:
    assert bare_asserts(ast.parse(path.read_text())) == []


@each_file
def test_has_a_test_that_asserts(path: Path) -> None:
    tests = checks_in(ast.parse(path.read_text()))
    assert path.name.startswith("test_")
    assert tests
    for test in tests:
        assert any(isinstance(node, ast.Assert) for node in ast.walk(test)), f"{test.name} asserts nothing"


@each_file
def test_says_where_it_runs(path: Path) -> None:
    tree = ast.parse(path.read_text())
    on_hosts = any(argument.arg == "host" for test in checks_in(tree) for argument in test.args.args)
    from_the_controller = any("drill_endpoint" in ast.dump(test.args) for test in checks_in(tree))
    on_targets = path.parent.name == "checks"  # a fault's own checks run on the hosts that the drill broke
    assert (on_targets or "testinfra_hosts" in names_assigned(tree)) if on_hosts else from_the_controller


@each_file
def test_skips_nothing(path: Path) -> None:
    text = path.read_text()
    for word in ("skip", "xfail", "importorskip"):
        assert f"pytest.{word}" not in text
        assert f"mark.{word}" not in text


@pytest.mark.parametrize(
    ("code", "bad"),
    [
        ("def test_a(host): assert host.run('x')", True),
        ("def test_a(host): assert not host.run('x')", True),
        ("def test_a(host):\n    r = host.run('x')\n    assert r", True),
        ("def test_a(host):\n    r = host.run('x')\n    assert r.rc == 0 and r", True),
        ("def test_a(host): assert host.run('x').rc == 0", False),
        ("def test_a(host):\n    r = host.run('x')\n    assert r.stdout", False),
    ],
)
def test_the_search_itself(code: str, bad: bool) -> None:
    assert bool(bare_asserts(ast.parse(code))) is bad
