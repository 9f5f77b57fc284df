"""Faults, as their folders `roles/fault_<name>/` declare them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from drill_runner.catalog.project import Project
from drill_runner.catalog.studies import check_stands_for, load_studies
from drill_runner.catalog.validate import validated
from drill_runner.catalog.yaml_file import KeyPath, Plain, YamlFile, read_yaml
from drill_runner.errors import expected_one_of
from drill_runner.model.fault import Fault, Parameter, Scalar
from drill_runner.model.study import Study

PREFIX = "fault_"
ParameterType = Literal["bool", "int", "float", "str"]
TYPES: dict[str, ParameterType] = {"bool": "bool", "int": "int", "float": "float", "str": "str", "path": "str"}
"""Ansible's types that are single values, and what they are here."""


def load_faults(project: Project) -> dict[str, Fault]:
    """Every fault of the project by name, in order of name.

    Raises:
        UsageError: A fault's folder does not say what a fault must say.
    """
    folders = sorted(path for path in project.roles.glob(f"{PREFIX}*") if path.is_dir())
    studies = load_studies()
    return {fault.name: fault for fault in (_load_fault(project, folder, studies) for folder in folders)}


def _load_fault(project: Project, folder: Path, studies: Mapping[str, Study]) -> Fault:
    manifest = read_yaml(project, folder / "meta" / "fault.yml")
    fault: Plain = {"name": folder.name.removeprefix(PREFIX), "manifest": manifest.value}

    def where(keys: KeyPath) -> str:
        return manifest.where(keys[1:]) if keys[:1] == ("manifest",) else project.shown(folder)

    made = validated(Fault, fault, where)
    check_stands_for(manifest, made.manifest, studies)
    return Fault(name=made.name, manifest=made.manifest, parameters=_parameters(project, folder))


def _parameters(project: Project, folder: Path) -> tuple[Parameter, ...]:
    spec = read_yaml(project, folder / "meta" / "argument_specs.yml")
    at: KeyPath = ("argument_specs", "inject", "options")
    options = _mapping(spec, at)
    defaults_file = folder / "defaults" / "main.yml"
    defaults = _mapping(read_yaml(project, defaults_file), ()) if defaults_file.exists() else {}
    prefix = f"{folder.name}_"
    made = []
    for variable in options:
        if not variable.startswith(prefix):  # the lease's own, which the runner gives
            continue
        option = _mapping(spec, (*at, variable))
        if "default" not in option and variable in defaults:
            # Ansible asks nobody for what a role gives itself; such a value may come from the inventory too.
            option = option | {"default": defaults[variable], "required": False}
        made.append(_parameter(spec, (*at, variable), variable.removeprefix(prefix), option))
    return tuple(made)


def _parameter(spec: YamlFile, at: KeyPath, name: str, option: dict[str, Plain]) -> Parameter:
    kind = str(option.get("type", "str"))
    if kind not in TYPES:
        raise spec.error(
            (*at, "type"), f"a fault's parameter is a single value, not {kind}; {expected_one_of(kind, TYPES)}"
        )
    default = option.get("default")
    if isinstance(default, str) and ("{{" in default or "{%" in default):
        default = None  # known on the host only
    description = option.get("description", "")
    value: Plain = {
        "name": name,
        "type": TYPES[kind],
        "description": " ".join(str(part) for part in description) if isinstance(description, list) else description,
        "required": option.get("required", False),
        "default": default,
        "choices": option.get("choices", []),
    }
    return validated(Parameter, value, lambda keys: spec.where(at + keys))


def _mapping(file: YamlFile, keys: KeyPath) -> dict[str, Plain]:
    """The mapping at a place; nothing there is an empty one, except where the entry point itself is missing."""
    value = file.value
    for depth, key in enumerate(keys):
        if not isinstance(value, dict) or (key not in value and key != "options"):
            raise file.error(keys[: depth + 1], "missing; a fault's parameters are declared there")
        value = value.get(str(key))
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise file.error(keys, "must be a mapping")
    return value


def fits(value: Scalar, parameter: Parameter) -> bool:
    """`value` is of the parameter's type and among its choices."""
    types: dict[ParameterType, tuple[type, ...]] = {
        "bool": (bool,),
        "int": (int,),
        "float": (int, float),
        "str": (str,),
    }
    if isinstance(value, bool) != (parameter.type == "bool") or not isinstance(value, types[parameter.type]):
        return False
    return not parameter.choices or value in parameter.choices


def wanted(parameter: Parameter) -> str:
    """What a parameter's value must be, in words."""
    words = {"bool": "true or false", "int": "a whole number", "float": "a number", "str": "text"}[parameter.type]
    return f"one of {', '.join(map(str, parameter.choices))}" if parameter.choices else words
