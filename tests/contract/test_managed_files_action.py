"""The controller's half of `managed_files`: what a task's sources become, through Ansible on this machine."""

import grp
import json
import os
import pwd
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow  # starts Ansible

ROOT = Path(__file__).parents[2]
OWN = {"owner": pwd.getpwuid(os.getuid()).pw_name, "group": grp.getgrgid(os.getgid()).gr_name}
PLAY = """\
- hosts: localhost
  gather_facts: false
  become: false
  tasks:
    - ansible.builtin.include_role:
        name: {role}
      vars:
        engine: simulated
"""


def task(tmp_path: Path, **arguments: object) -> subprocess.CompletedProcess[str]:
    """Run a role that has two sources, a tree of three files, and one task with these arguments."""
    role = tmp_path / "role"
    for name, text in {
        "files/plain.conf": "{{ not rendered }}\n",
        "files/program/main.py": "main\n",
        "files/program/part.py": "part\n",
        "files/program/notes.md": "notes\n",
        "templates/unit.j2": "[{{ instance | default('alone') }}]\nengine={{ engine }}\n",
        "tasks/main.yml": json.dumps([{"managed_files": arguments, "register": "written"}]),
    }.items():
        (role / name).parent.mkdir(parents=True, exist_ok=True)
        (role / name).write_text(text)
    (tmp_path / "play.yml").write_text(PLAY.format(role=role))
    return subprocess.run(
        [Path(sys.executable).with_name("ansible-playbook"), "-i", "localhost,", "-c", "local", tmp_path / "play.yml"],
        capture_output=True, text=True, check=False,
        env=os.environ | {"ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_PYTHON_INTERPRETER": sys.executable},
    )  # fmt: skip


def test_every_kind_of_source_is_written(tmp_path):
    there = tmp_path / "there"
    done = task(
        tmp_path,
        directories=[{"path": str(there / "program"), **OWN}],
        files=[
            {"dest": f"{there}/given", "content": "given\n", **OWN},
            {"dest": f"{there}/plain", "src": "plain.conf", "mode": "0600", **OWN},
            {"dest": f"{there}/alone", "template": "unit.j2", **OWN},
            {"dest": f"{there}/%i.unit", "template": "unit.j2", "instances": ["one", "two"], **OWN},
        ],
        trees=[{"dest": f"{there}/program", "src": "program", "pattern": "*.py", "mode": "0755", **OWN}],
    )
    assert done.returncode == 0, done.stdout
    found = {str(path.relative_to(there)): path.read_text() for path in there.rglob("*") if path.is_file()}
    assert found == {
        "given": "given\n",
        "plain": "{{ not rendered }}\n",
        "alone": "[alone]\nengine=simulated\n",
        "one.unit": "[one]\nengine=simulated\n",
        "two.unit": "[two]\nengine=simulated\n",
        "program/main.py": "main\n",
        "program/part.py": "part\n",
    }
    modes = {name: oct((there / name).stat().st_mode & 0o777) for name in ("given", "plain", "program/main.py")}
    assert modes == {"given": "0o644", "plain": "0o600", "program/main.py": "0o755"}


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ({"files": [{"dest": "/x/y"}]}, "files: /x/y: give exactly one of content, src and template"),
        ({"files": [{"dest": "/x/y", "content": "", "src": "plain.conf"}]}, "/x/y: give exactly one of content, src"),
        ({"files": [{"dest": "/x/y", "src": "lost.conf"}]}, "lost.conf"),
        ({"trees": [{"dest": "/x", "src": "program", "pattern": "*.go"}]}, "trees: program: no file in "),
    ],
)
def test_what_cannot_be_written_is_refused_by_name(tmp_path, arguments, why):
    done = task(tmp_path, **arguments)
    assert done.returncode == 2
    assert why in done.stdout
