"""What a task that manages many files finds to do. On hosts, through Ansible: molecule of every role that uses it."""

import os
from pathlib import Path

import pytest

from plugins.modules.managed_files import NOBODY_YET, Change, Wanted, account, change, strangers, wanted


def file(path: Path, content: bytes = b"one\n", mode: int = 0o644) -> Wanted:
    return Wanted(path, content, mode, os.getuid(), os.getgid())


def folder(path: Path, mode: int = 0o755) -> Wanted:
    return Wanted(path, None, mode, os.getuid(), os.getgid())


def found(one: Wanted, made: frozenset[Path] | None = frozenset()) -> Change | None:
    return change(one, made)


def test_a_file_that_is_right_is_left_alone(tmp_path):
    path = tmp_path / "right"
    path.write_bytes(b"one\n")
    path.chmod(0o644)
    assert found(file(path)) is None


def test_a_file_of_the_same_length_with_other_content_is_written(tmp_path):
    path = tmp_path / "other"
    path.write_bytes(b"two\n")
    path.chmod(0o644)
    assert found(file(path)) == Change(file(path), content=True, attributes=False)


def test_a_file_that_others_may_read_and_must_not_is_closed(tmp_path):
    path = tmp_path / "open"
    path.write_bytes(b"one\n")
    path.chmod(0o644)
    assert found(file(path, mode=0o600)) == Change(file(path, mode=0o600), content=False, attributes=True)


def test_what_is_missing_is_made(tmp_path):
    assert found(file(tmp_path / "new")) == Change(file(tmp_path / "new"), content=True, attributes=True)
    assert found(folder(tmp_path / "new")) == Change(folder(tmp_path / "new"), content=True, attributes=True)


def test_a_file_in_a_folder_that_nobody_makes_is_refused_by_name(tmp_path):
    with pytest.raises(ValueError, match=r"lost/new: there is no folder .*lost; name it in `directories`"):
        found(file(tmp_path / "lost/new"))


def test_a_file_in_a_folder_of_the_same_task_is_not_refused(tmp_path):
    assert found(file(tmp_path / "soon/new"), frozenset([tmp_path / "soon"])) is not None


def test_check_mode_misses_no_folder_and_no_account(tmp_path):
    assert found(file(tmp_path / "lost/new"), None) is not None
    assert account("owner", "nobody-has-this-name", check_mode=True) == NOBODY_YET


def test_an_unknown_account_is_refused_with_the_file_that_it_is_for():
    entry = {"dest": "/x", "content": "", "mode": "0644", "owner": "nobody-has-this-name", "group": "root"}
    with pytest.raises(ValueError, match="/x: owner: there is no 'nobody-has-this-name' on this host"):
        wanted(entry, "dest", check_mode=False)


@pytest.mark.parametrize("mode", ["rw", "0o9", "u=rw"])
def test_a_mode_that_is_no_octal_number_is_refused(mode):
    entry = {"path": "/x", "mode": mode, "owner": "root", "group": "root"}
    with pytest.raises(ValueError, match=r"^/x: "):
        wanted(entry, "path", check_mode=False)


def test_a_folder_is_not_replaced_by_a_file_nor_a_link_followed(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    for path in (tmp_path / "folder", tmp_path / "link"):
        with pytest.raises(ValueError, match="something else than a file is there"):
            found(file(path))
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(ValueError, match="something else than a folder is there"):
        found(folder(tmp_path / "file"))


def test_only_strangers_that_are_files_go(tmp_path):
    (tmp_path / "__pycache__").mkdir()
    for name in ("kept.py", "old.py"):
        (tmp_path / name).touch()
    (tmp_path / "link").symlink_to(tmp_path / "__pycache__")
    assert strangers([str(tmp_path), str(tmp_path / "none")], [file(tmp_path / "kept.py")]) == [
        tmp_path / "link",
        tmp_path / "old.py",
    ]
