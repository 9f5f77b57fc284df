"""What the documentation tells people to write does what it says."""

import re
from dataclasses import fields
from pathlib import Path

import pytest

from drill_runner.catalog import Project, load_drill, load_faults
from drill_runner.model.fault import Manifest

PROJECT = Project(root=Path(__file__).resolve().parents[2])

GUIDE = PROJECT.root / "docs/writing-a-fault.md"
BLOCK = re.compile(r"^```\w+\n# ((?:roles|drills)/\S+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(text: str) -> dict[str, str]:
    """The files that a page shows, by the path in their first line."""
    return dict(BLOCK.findall(text))


def write_fault(root: Path) -> None:
    """Follow `docs/writing-a-fault.md`."""
    for path, text in blocks(GUIDE.read_text(encoding="utf-8")).items():
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """This project with the fault of the guide."""
    for name in ("playbooks", "tests"):
        (tmp_path / name).symlink_to(PROJECT.root / name)
    (tmp_path / "roles").mkdir()
    for role in PROJECT.roles.iterdir():
        (tmp_path / "roles" / role.name).symlink_to(role)
    write_fault(tmp_path)
    return Project(root=tmp_path)


def test_the_fault_and_its_drill_are_understood(project: Project) -> None:
    faults = load_faults(project)
    assert [parameter.name for parameter in faults["server_stop"].parameters] == ["unit"]
    assert load_drill(project, "server_stop", faults).faults[0].fault == "server_stop"


def test_the_folder_has_what_every_fault_has(project: Project) -> None:
    def files(fault: str) -> set[str]:
        folder = (project.roles / fault).resolve()
        return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}

    simple = {"files/inject.sh", "files/prepare.sh", "files/proof.sh", "files/undo.sh"}
    shared = {name for name in files("fault_server_crash") if "test_" not in name} - {"vars/main.yml"}
    assert files("fault_server_stop") == shared | simple | {"checks/test_server_stop.py"}


def test_every_key_of_a_manifest_is_explained() -> None:
    text = GUIDE.read_text(encoding="utf-8")
    assert [field.name for field in fields(Manifest) if f"| `{field.name}` |" not in text] == []
