"""What ships fits together: drills name what exists, roles say what they take, includes find their files.

Ansible finds a missing include only when it gets there, which in a drill is too late.
"""

import fnmatch
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from drill_runner.catalog import Project, coverage, load_drill, load_drills, load_faults, load_studies
from drill_runner.catalog.yaml_file import Plain, read_yaml
from drill_runner.model.fault import Fault
from drill_runner.model.study import Study

PROJECT = Project(root=Path(__file__).resolve().parents[2])
ROLES = sorted(path.name for path in PROJECT.roles.iterdir() if (path / "tasks").is_dir())
FAULTS = [name for name in ROLES if name.startswith("fault_")]
DRILLS = sorted(path.stem for path in PROJECT.drills.glob("*.yml"))
FILES = sorted(
    str(path.relative_to(PROJECT.root))
    for pattern in ("playbooks/*.yml", "roles/*/tasks/**/*.yml", "roles/*/handlers/*.yml", "molecule/**/*.yml")
    for path in PROJECT.root.glob(pattern)
)
TEMPLATE = re.compile(r"\{\{.*?\}\}")


@cache
def catalogue() -> dict[str, Fault]:
    """All faults by name."""
    return load_faults(PROJECT)


@cache
def read(path: Path) -> Plain:
    """What a YAML file says."""
    return read_yaml(PROJECT, path).value


def mapping(value: Plain) -> dict[str, Plain]:
    """`value`, which has to be a mapping; nothing is an empty one."""
    assert isinstance(value, dict | None)
    return value or {}


def entry_points(role: str) -> dict[str, dict[str, Plain]]:
    """The options of a role by entry point."""
    spec = mapping(read(PROJECT.roles / role / "meta/argument_specs.yml"))["argument_specs"]
    return {name: mapping(mapping(point).get("options")) for name, point in mapping(spec).items()}


def defaults(role: str) -> dict[str, Plain]:
    """A role's `defaults/main.yml`."""
    path = PROJECT.roles / role / "defaults/main.yml"
    return mapping(read(path)) if path.exists() else {}


def test_the_first_drills_ship() -> None:
    assert {"server_crash", "host_loss", "weights_corruption"} <= set(DRILLS)


@pytest.mark.parametrize("drill", DRILLS)
def test_a_drill_names_what_exists(drill: str) -> None:
    loaded = load_drill(PROJECT, drill, catalogue())
    assert loaded.name == drill


def test_every_fault_has_a_drill() -> None:
    used = {use.fault for drill in load_drills(PROJECT, catalogue()).values() for use in drill.faults}
    assert used == set(catalogue())


@pytest.mark.parametrize("study", load_studies().values(), ids=lambda study: study.id)
def test_every_class_of_incidents_is_covered_or_told_not_to_be(study: Study) -> None:
    found = coverage(study, catalogue().values())
    told = [*(each.name for each in found.rehearsed), *(each.name for each in found.missing)]
    assert sorted(told) == sorted(study.classes)
    rest = found.without_class.share if found.without_class else 0
    assert found.share + sum(gap.share for gap in found.missing) + rest == pytest.approx(1)


def test_no_fault_claims_what_happens_on_gpus() -> None:
    """Nor between them: the hosts that faults are tried on have none."""
    claims = (each for fault in catalogue().values() for each in fault.manifest.stands_for)
    names = {name for each in claims for name in each.classes}
    assert {name for name in names if re.search("gpu|nccl|infiniband|silent", name)} == set()


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("part", ["inject", "revert"])
def test_a_fault_can_be_injected_and_reverted(fault: str, part: str) -> None:
    assert (PROJECT.roles / fault / f"tasks/{part}.yml").is_file()
    assert part in entry_points(fault)


@pytest.mark.parametrize("role", ROLES)
class TestRole:
    @pytest.mark.parametrize("file", ["README.md", "meta/argument_specs.yml", "meta/main.yml"])
    def test_says_what_it_is_and_takes(self, role: str, file: str) -> None:
        assert (PROJECT.roles / role / file).is_file()

    def test_defaults_are_those_of_its_spec(self, role: str) -> None:
        said = {
            name: mapping(option)["default"]
            for options in entry_points(role).values()
            for name, option in options.items()
            if "default" in mapping(option)
        }
        real = defaults(role)
        assert said == {name: real.get(name, "<not in defaults/main.yml>") for name in said}

    def test_every_default_is_declared(self, role: str) -> None:
        declared = {name for options in entry_points(role).values() for name in options}
        assert set(defaults(role)) - declared == set()

    def test_defaults_bear_its_name(self, role: str) -> None:
        assert [name for name in defaults(role) if not name.startswith(f"{role}_")] == []


def test_there_is_something_to_look_through() -> None:
    assert any(file.startswith("playbooks/") for file in FILES)
    assert any(file.startswith("roles/") for file in FILES)


@pytest.mark.parametrize("file", FILES)
def test_includes_find_what_they_name(file: str) -> None:
    path = PROJECT.root / file
    missing = list(missing_includes(read(path), path, PROJECT.roles))
    assert missing == []


def missing_includes(value: Plain, path: Path, roles: Path) -> Iterator[str]:
    """Every role, task file and playbook that a file of Ansible's includes and that is not there."""
    for key, argument in _pairs(value):
        name = key.rpartition(".")[2]
        if name in ("include_role", "import_role"):
            yield from _missing_role(mapping(argument), roles)
        elif name in ("include_tasks", "import_tasks", "import_playbook", "vars_files"):
            for target in argument if isinstance(argument, list) else [argument]:
                said = target.get("file") if isinstance(target, dict) else target
                if not _found(path.parent, str(said)):
                    yield f"{name}: {said}"
        elif name == "roles" and isinstance(argument, list):
            for role in argument:
                yield from _missing_role(role if isinstance(role, dict) else {"name": role}, roles)


def _missing_role(argument: dict[str, Plain], roles: Path) -> Iterator[str]:
    role = str(argument.get("name", argument.get("role")))
    if "." in role:  # of a collection
        return
    tasks = str(argument.get("tasks_from", "main")).removesuffix(".yml")
    if not _found(roles, f"{role}/tasks/{tasks}.yml"):
        yield f"role {role}, tasks {tasks}"


def _found(folder: Path, name: str) -> bool:
    """A file of this name is there; where the name is a template, one that it can become."""
    if "{{" not in name:
        return (folder / name).is_file()
    # With the values unknown, something has to fit; a name that is nothing but a template proves nothing.
    pattern = TEMPLATE.sub("*", name)
    return any(fnmatch.fnmatch(str(path.relative_to(folder)), pattern) for path in folder.rglob("*.yml"))


def _pairs(value: Plain) -> Iterator[tuple[str, Plain]]:
    if isinstance(value, dict):
        for key, child in value.items():
            yield key, child
            yield from _pairs(child)
    elif isinstance(value, list):
        for child in value:
            yield from _pairs(child)


@pytest.mark.parametrize(
    ("text", "missing"),
    [
        ("- ansible.builtin.include_role: {name: none}", ["role none, tasks main"]),
        ("- include_role: {name: one, tasks_from: other}", ["role one, tasks other"]),
        ("- block: [{ansible.builtin.import_role: {name: none}}]", ["role none, tasks main"]),
        ("- roles: [one, {role: none}]", ["role none, tasks main"]),
        ("- ansible.builtin.include_tasks: none.yml", ["include_tasks: none.yml"]),
        ("- ansible.builtin.include_tasks: {file: none.yml}", ["include_tasks: none.yml"]),
        ("- ansible.builtin.import_playbook: none.yml", ["import_playbook: none.yml"]),
        ("- include_role: {name: 'two_{{ x }}'}", ["role two_{{ x }}, tasks main"]),
        ("- include_role: {name: 'on{{ x }}'}\n- include_role: {name: one}\n- include_role: {name: a.b.c}", []),
        ("- include_tasks: x.yml", []),
    ],
)
def test_a_missing_include_is_seen(tmp_path: Path, text: str, missing: list[str]) -> None:
    project = Project(root=tmp_path)
    for path in (project.roles / "one/tasks/main.yml", project.playbooks / "x.yml"):
        path.parent.mkdir(parents=True)
        path.write_text(text, encoding="utf-8")
    file = project.playbooks / "x.yml"
    assert list(missing_includes(read_yaml(project, file).value, file, project.roles)) == missing
