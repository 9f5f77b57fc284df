"""Drills, and whether what they name exists."""

from collections.abc import Mapping
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from drill_runner.catalog.faults import PREFIX, fits, wanted
from drill_runner.catalog.project import Project
from drill_runner.catalog.validate import validated
from drill_runner.catalog.yaml_file import KeyPath, YamlFile, read_yaml
from drill_runner.errors import UsageError, expected_one_of
from drill_runner.model.base import Name
from drill_runner.model.drill import Drill, FaultUse
from drill_runner.model.fault import Fault
from drill_runner.model.plan import BACKUP_CHECK

SUFFIXES = (".yml", ".yaml")


def drill_names(project: Project) -> tuple[str, ...]:
    """The drills of the project, by name."""
    return tuple(sorted(path.stem for path in project.drills.glob("*.yml")))


def drill_path(project: Project, name: str) -> Path:
    """The file of a drill: one of the project's by its name, any other by its path."""
    if "/" in name or name.endswith(SUFFIXES):
        return Path(name).expanduser().absolute()
    if name not in drill_names(project):
        raise UsageError(f"drills/{name}.yml: no such drill; {expected_one_of(name, drill_names(project))}")
    return project.drills / f"{name}.yml"


def load_drills(project: Project, faults: Mapping[str, Fault]) -> dict[str, Drill]:
    """Every drill of the project by name."""
    return {name: load_drill(project, name, faults) for name in drill_names(project)}


def load_drill(project: Project, name: str, faults: Mapping[str, Fault]) -> Drill:
    """Read one drill and check all that can be known without an inventory.

    Args:
        project: Whose playbooks and post-conditions the drill may name.
        name: Of a drill in `drills/`, or a path to a YAML file anywhere.
        faults: What the drill may inject.

    Raises:
        UsageError: The drill says something that cannot be done, or that nobody understands.
    """
    path = drill_path(project, name)
    try:
        TypeAdapter(Name).validate_python(path.stem)
    except ValidationError as error:
        raise UsageError(
            f"{project.shown(path)}: the file's name is the drill's: expected small letters, digits and _"
        ) from error
    file = read_yaml(project, path)
    value = file.value
    if not isinstance(value, dict):
        raise file.error((), "must be a mapping with summary, faults, steady_state, postconditions")
    if "name" in value:
        raise file.error(("name",), "unknown key; the file's name is the drill's name")
    drill = validated(Drill, {"name": path.stem, **value}, file.where, given=frozenset({"name"}))
    for index, use in enumerate(drill.faults):
        _check_use(file, ("faults", index), use, faults)
    _check_names(project, file, drill, faults)
    if drill.detection and not (drill.detection.load_balancer or drill.detection.alert):
        raise file.error(("detection",), "names nobody who must notice; expected load_balancer, alert, or both")
    if drill.objectives.detect_s is not None and drill.detection is None:
        raise file.error(("objectives", "detect_s"), "nobody has to detect anything; expected the key detection too")
    return drill


def check_names(project: Project, faults: tuple[str, ...]) -> frozenset[str]:
    """The post-conditions that a drill with these faults may name: the project's, and the faults' own."""
    folders = (project.checks, *(project.roles / f"{PREFIX}{fault}" / "checks" for fault in faults))
    return frozenset(path.stem.removeprefix("test_") for folder in folders for path in folder.glob("test_*.py"))


def _check_use(file: YamlFile, at: KeyPath, use: FaultUse, faults: Mapping[str, Fault]) -> None:
    fault = faults.get(use.fault)
    if fault is None:
        raise file.error((*at, "fault"), f"unknown fault {use.fault}; {expected_one_of(use.fault, faults)}")
    known = {parameter.name: parameter for parameter in fault.parameters}
    for name, value in use.params.items():
        if name not in known:
            raise file.error((*at, "params", name), f"unknown parameter of {use.fault}; {expected_one_of(name, known)}")
        if not fits(value, known[name]):
            raise file.error((*at, "params", name), f"must be {wanted(known[name])}, not {value!r}")
    for parameter in fault.parameters:
        if parameter.required and parameter.name not in use.params:
            raise file.error((*at, "params", parameter.name), f"missing; {use.fault} needs {wanted(parameter)}")


def _check_names(project: Project, file: YamlFile, drill: Drill, faults: Mapping[str, Fault]) -> None:
    checks = check_names(project, tuple(use.fault for use in drill.faults))
    for key, names in (("steady_state", drill.steady_state), ("postconditions", drill.postconditions)):
        for index, name in enumerate(names):
            if name not in checks:
                raise file.error((key, index), f"unknown check {name}; {expected_one_of(name, checks)}")
    destructive = [use.fault for use in drill.faults if faults[use.fault].manifest.destructive]
    if destructive and BACKUP_CHECK not in checks:
        raise file.error(
            ("steady_state",),
            f"{destructive[0]} takes bytes away, and nothing can say that there is a backup; "
            f"expected tests/postconditions/test_{BACKUP_CHECK}.py",
        )
    playbook = drill.recovery.playbook
    playbooks = {path.stem for path in project.playbooks.glob("*.yml")}
    if playbook is not None and playbook not in playbooks:
        raise file.error(
            ("recovery", "playbook"), f"unknown playbook {playbook}; {expected_one_of(playbook, playbooks)}"
        )
