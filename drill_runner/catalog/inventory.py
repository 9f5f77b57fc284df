"""The inventory, as Ansible itself reads it."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from drill_runner.catalog.project import Project
from drill_runner.catalog.validate import validated
from drill_runner.catalog.yaml_file import Plain, spelt
from drill_runner.errors import UsageError
from drill_runner.model.inventory import Endpoint, Host, Inventory
from drill_runner.model.window import EXAMPLE, parse_window

PATIENCE_S = 120
"""How long an inventory may take: a plugin may have to ask a cloud."""

ENDPOINT = "drill_endpoint"
ALLOWED = "drill_allowed"
WINDOWS = "drill_windows"
APPROVERS = "drill_approvers"


def load_inventory(project: Project, source: Path) -> Inventory:
    """Every host of an inventory, which of them drills may break, and the service's endpoint.

    Raises:
        UsageError: Ansible cannot read it, or it lacks what a drill must know.
    """
    if not source.exists():
        raise UsageError(f"{project.shown(source)}: no such inventory; expected a file or a folder")
    shown = project.shown(source)
    listed = json.loads(_ansible(project, shown, "ansible-inventory", "-i", str(source), "--list"))
    variables = listed["_meta"]["hostvars"]
    groups = {name: group for name, group in listed.items() if name != "_meta"}
    members = {name: _members(groups, name) for name in groups}
    hosts = tuple(
        Host(
            name=name,
            groups=frozenset(group for group in groups if name in members[group]),
            drill_allowed=_allowed(shown, name, variables.get(name, {})),
            drill_windows=_windows(shown, name, variables.get(name, {})),
        )
        for name in members["all"]
    )
    if not hosts:
        raise UsageError(f"{shown}: no hosts in this inventory")
    return Inventory(
        source=str(source),
        hosts=hosts,
        endpoint=_endpoint(shown, variables),
        drill_approvers=_approvers(shown, variables),
    )


def match_hosts(project: Project, source: Path, pattern: str) -> tuple[str, ...]:
    """The hosts that an Ansible host pattern names, in the inventory's order; none if it names none."""
    shown = project.shown(source)
    text = _ansible(project, shown, "ansible", "-i", str(source), "--list-hosts", "--", pattern)
    head, _, body = text.partition("\n")
    # "hosts (N):" and a name a line; nothing matched is "hosts (0):", a warning, and exit status 0
    counted = re.fullmatch(r"\s*hosts \((\d+)\):\s*", head)
    names = tuple(line.strip() for line in body.splitlines() if line.strip())
    if counted is None or int(counted[1]) != len(names):
        raise UsageError(f"{shown}: pattern {pattern}: cannot make sense of what ansible --list-hosts says: {text!r}")
    return names


def _ansible(project: Project, shown: str, program: str, *arguments: str) -> str:
    beside = Path(sys.executable).with_name(program)
    found = str(beside) if beside.exists() else shutil.which(program)
    if found is None:
        raise UsageError(f"{program}: not found; install ansible-core into {sys.prefix}")
    quiet = {"ANSIBLE_NOCOLOR": "1", "ANSIBLE_FORCE_COLOR": "0", "ANSIBLE_DEPRECATION_WARNINGS": "0"}
    config = {"ANSIBLE_CONFIG": str(project.ansible_config)} if project.ansible_config.exists() else {}
    try:
        done = subprocess.run(
            [found, *arguments],
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE_S,
            env=os.environ | quiet | config,
            stdin=subprocess.DEVNULL,
            cwd=project.root,
        )
    except subprocess.TimeoutExpired as error:
        raise UsageError(f"{shown}: {program} gave no answer within {PATIENCE_S} s") from error
    if done.returncode != 0:
        said = " ".join((done.stderr or done.stdout).split())
        raise UsageError(f"{shown}: {program} cannot read it: {said}")
    return done.stdout


def _members(groups: dict[str, dict[str, list[str]]], name: str) -> tuple[str, ...]:
    """The hosts of a group and of the groups in it, once each, in the inventory's order."""
    group = groups.get(name, {})
    inner = (host for child in group.get("children", []) for host in _members(groups, child))
    return tuple(dict.fromkeys((*group.get("hosts", []), *inner)))


def _allowed(shown: str, host: str, variables: dict[str, Plain]) -> bool:
    value = variables.get(ALLOWED, False)
    if not isinstance(value, bool):
        raise UsageError(
            f"{shown}: {ALLOWED} of {host}: must be true or false, not {value!r} (in an INI inventory: True or False)"
        )
    return value


def _windows(shown: str, host: str, variables: dict[str, Plain]) -> tuple[str, ...]:
    if WINDOWS not in variables:
        return ()
    value = variables[WINDOWS]
    if not isinstance(value, list) or not value:
        raise UsageError(
            f'{shown}: {WINDOWS} of {host}: must be a list, as in ["{EXAMPLE}"], not {value!r}; '
            "leave it out to allow drills at any time"
        )
    for index, text in enumerate(value):
        try:
            parse_window(str(text))
        except ValueError as error:
            raise UsageError(f"{shown}: {WINDOWS}[{index}] of {host}: {error}, not {text!r}") from error
    return tuple(map(str, value))


def _approvers(shown: str, variables: dict[str, dict[str, Plain]]) -> str | None:
    """The one file that hosts name. One host that names it is enough: what is approved is a drill, not a host."""
    value = _one_for_all(shown, variables, APPROVERS)
    if value is None:
        return None
    if not isinstance(value, str) or not value.strip() or "{{" in value or "{%" in value:
        raise UsageError(
            f"{shown}: {APPROVERS}: must be the path of a file of OpenSSH's allowed signers, without templates, "
            f"not {value!r}"
        )
    return value


def _one_for_all(shown: str, variables: dict[str, dict[str, Plain]], key: str) -> Plain:
    """What all hosts that have a variable say; None if none has."""
    named = {host: values[key] for host, values in variables.items() if key in values}
    if not named:
        return None
    first, value = next(iter(named.items()))
    for host, other in named.items():
        if other != value:
            raise UsageError(f"{shown}: {key}: {first} and {host} disagree; expected one for all hosts")
    return value


def _endpoint(shown: str, variables: dict[str, dict[str, Plain]]) -> Endpoint:
    """The one endpoint that hosts name; it is read without Ansible's templating, so it has to be plain."""
    value = _one_for_all(shown, variables, ENDPOINT)
    if value is None:
        raise UsageError(f"{shown}: {ENDPOINT}: missing; expected a mapping with url and model in group_vars/all")
    if isinstance(value, dict):
        for key, text in value.items():
            if isinstance(text, str) and ("{{" in text or "{%" in text):
                raise UsageError(f"{shown}: {ENDPOINT}.{key}: must be a plain value, not a template: {text!r}")
    return validated(Endpoint, value, lambda keys: f"{shown}: {spelt((ENDPOINT, *keys))}")
