"""Modules from Ansible's zip are compiled once, and never run from another source's bytecode."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.integration.conftest import PROJECT

PROGRAM = PROJECT.root / "roles/lab_machine/files/ansible_bytecode.py"
RUN = """
import sys
sys.path[:0] = [{program!r}, {archive!r}]
import ansible_bytecode, zipimport
ansible_bytecode.FOLDER = {folder!r}
compiled = []
slow = ansible_bytecode._compile_source
ansible_bytecode._compile_source = lambda path, source: (compiled.append(path), slow(path, source))[1]
from {package} import told
print(told.WORD, len(compiled), told.word.__code__.co_filename)
"""


@pytest.fixture
def ran(tmp_path):
    """Import a module that says `word` from a zip as a task brings it; what it said, and how much was compiled."""
    (tmp_path / "kept").mkdir()

    def run(word: str, task: str, package: str = "ansible") -> tuple[str, int, Path]:
        archive = tmp_path / task / "payload.zip"
        archive.parent.mkdir()
        with zipfile.ZipFile(archive, "w") as made:
            made.writestr(f"{package}/__init__.py", "")
            made.writestr(f"{package}/told.py", f"WORD = {word!r}\n\ndef word():\n    return WORD\n")
        script = RUN.format(
            program=str(PROGRAM.parent), archive=str(archive), folder=str(tmp_path / "kept"), package=package
        )
        # Without site: this environment has a copy of the program, which would be the one that is tried.
        done = subprocess.run([sys.executable, "-S", "-c", script], capture_output=True, text=True, check=True)
        said, compiled, file = done.stdout.split()
        return said, int(compiled), Path(file)

    return run


def test_a_source_is_compiled_once_and_knows_where_it_is(ran, tmp_path):
    assert ran("one", "first")[:2] == ("one", 2)
    said, compiled, file = ran("one", "second")
    assert (said, compiled) == ("one", 0)
    assert file == tmp_path / "second/payload.zip/ansible/told.py"


def test_what_is_not_ansible_s_is_not_kept(ran, tmp_path):
    assert all(ran("one", task, "theirs")[1] for task in ("first", "second"))
    assert list((tmp_path / "kept").iterdir()) == []


def test_a_source_that_has_changed_is_compiled(ran):
    ran("one", "first")
    assert ran("two", "second")[:2] == ("two", 1)  # of the same length


@pytest.mark.parametrize("left", [b"", b"nonsense", b"\xe3"])
def test_what_is_broken_is_compiled_again(ran, tmp_path, left):
    ran("one", "first")
    for kept in (tmp_path / "kept").iterdir():
        kept.write_bytes(left)
    assert ran("one", "second")[:2] == ("one", 2)
    assert ran("one", "third")[:2] == ("one", 0)


def test_without_a_folder_it_is_compiled_each_time(ran, tmp_path):
    (tmp_path / "kept").rmdir()
    assert all(ran("one", task)[1] for task in ("first", "second"))
    assert not (tmp_path / "kept").exists()
