from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from drill_runner.catalog import Project, load_drill, load_faults
from drill_runner.catalog.yaml_file import read_yaml
from drill_runner.errors import UsageError
from drill_runner.model.drill import Drill
from tests.unit.project_tree import FILES, make_project


def error(tmp_path: Path, text: str | bytes) -> str:
    file = tmp_path / "x.yml"
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    with pytest.raises(UsageError) as raised:
        read_yaml(Project(root=tmp_path), file)
    return str(raised.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nb: {c: 1, c: 2}\n", "x.yml:2: b.c: the same key twice (first in line 2)"),
        ("- a: 1\n  b: 2\n  a: 3\n", "x.yml:3: [0].a: the same key twice (first in line 1)"),
        ("a: [1, 2\nb: 3\n", "x.yml:2: not YAML: expected ',' or ']', but got ':'"),
        ("a: 1\n b: 2\n", "x.yml:2: not YAML: mapping values are not allowed here"),
        ("a: \t- x\n\tb\n", "x.yml:1: not YAML: found character '\\t' that cannot start any token"),
        ("a: !!python/object:os.system {}\n", "x.yml:1: not YAML: could not determine a constructor for the tag"),
        ("a: *none\n", "x.yml:1: not YAML: found undefined alias 'none'"),
        ("--- 1\n--- 2\n", "x.yml:2: not YAML: but found another document"),
        ("[a]: 1\n? [b]\n: 1\n", "x.yml:1: not YAML: "),
        ("a: 2026-11-24\n", "x.yml:1: a: a date is not used here: put it in quotes"),
        ("a: 2026-99-99\n", "x.yml: not YAML: a value is not what it looks like: "),
        ("a: !!bool maybe\n", "x.yml: not YAML: a value is not what it looks like: "),
        ("a: !!int ''\n", "x.yml: not YAML: a value is not what it looks like: "),
        ("a: {1: x}\n", "x.yml:1: a: the key 1 must be text: put it in quotes"),
        ("a: 99999999999999999999\n", "x.yml:1: a: the number is too large"),
        ("a: &a [*a]\n", "x.yml: too large or too deep: does it contain itself?"),
        ("a: " + "[" * 5000 + "]" * 5000, "x.yml: nested too deep"),
        (b"a: \xff\n", "x.yml: not YAML: invalid start byte at position 3"),
        (b"a: \x07\n", "x.yml: not YAML: special characters are not allowed at position 3"),
    ],
)
def test_what_is_refused(tmp_path: Path, text: str | bytes, message: str) -> None:
    assert error(tmp_path, text).startswith(message)


def test_a_file_that_grows_without_end_is_refused(tmp_path: Path) -> None:
    rows = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    rows += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 10)]
    assert error(tmp_path, "\n".join(rows)) == "x.yml: too large or too deep: does it contain itself?"


def test_lines_and_keys(tmp_path: Path) -> None:
    file = tmp_path / "x.yml"
    file.write_text("# why\na:\n  - b: 1\n  - c:\n      d: 2\n")
    read = read_yaml(Project(root=tmp_path), file)
    assert read.where(("a", 1, "c", "d")) == "x.yml:5: a[1].c.d"
    assert read.where(("a", 1, "missing")) == "x.yml:4: a[1].missing"
    assert read.where(()) == "x.yml:2"


def test_ansibles_tags_are_passed_by(tmp_path: Path) -> None:
    file = tmp_path / "x.yml"
    file.write_text("a: !vault |\n  $ANSIBLE_VAULT;1.1;AES256\n  00\nb: !unsafe '{{ x }}'\n")
    assert read_yaml(Project(root=tmp_path), file).value == {
        "a": "$ANSIBLE_VAULT;1.1;AES256\n00\n",
        "b": "{{ x }}",
    }


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return make_project(tmp_path_factory.mktemp("project"))


def only_a_usage_error(project: Project, text: str) -> None:
    (project.drills / "any.yml").write_bytes(text.encode("utf-8", "surrogatepass"))
    try:
        loaded: Drill | str = load_drill(project, "any", load_faults(project))
    except UsageError as error:
        loaded = str(error)
    assert isinstance(loaded, Drill) or loaded.startswith("drills/any.yml")


TAGS = ["&a ", "*a", "!!int ", "!!set ", "!!binary ", "!!omap ", "<<: ", "%YAML 1.3", "---", "...", "? ", ": ", "- "]
VALUES = ["\\ud800", "1e999", "0x1f", "1:2", "2026-13-01", ".nan", "yes", "99999999999999999999"]
WORDS = ["summary", "faults", "fault", "flip", "params", "targets", "objectives"]
FRAGMENTS = st.sampled_from([*":-[]{}'\"|>#?~=\n\t a1", *TAGS, *VALUES, *WORDS])


@pytest.mark.slow
@settings(max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(text=st.one_of(st.text(), st.lists(FRAGMENTS, max_size=30).map("".join)))
def test_no_text_does_worse_than_a_usage_error(project: Project, text: str) -> None:
    only_a_usage_error(project, text)


GOOD = FILES["drills/bitrot.yml"].replace("        ", "")


@pytest.mark.slow
@settings(max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(start=st.integers(0, len(GOOD)), length=st.integers(0, 12), put=st.one_of(FRAGMENTS, st.text(max_size=3)))
def test_no_slip_in_a_good_drill_does_worse_either(project: Project, start: int, length: int, put: str) -> None:
    only_a_usage_error(project, GOOD[:start] + put + GOOD[start + length :])
