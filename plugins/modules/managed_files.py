#!/usr/bin/python
# Copyright: the drill_runner authors
# SPDX-License-Identifier: Apache-2.0
"""Ansible module: many files and folders in one go."""

from __future__ import annotations

import grp
import os
import pwd
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: managed_files
short_description: Many files and folders in one go
description:
  - Writes all files of a program or a service in one task. A task for every file costs a second each on a few hosts,
    mostly for the starting of Python and for asking about files that are right already.
  - Every file is replaced at once or not at all. If one cannot be written, the ones before it are.
  - Templates are rendered and sources are read on the controller.
options:
  directories:
    description:
      - Folders that have to be there. They are made before the files, in this order, with the folders above them
        (mode 0755) where those are missing.
    type: list
    elements: dict
    default: []
    suboptions:
      path:
        description: The folder.
        type: path
        required: true
      mode:
        description: Its permissions, as an octal number in quotes.
        type: str
        default: "0755"
      owner:
        description: Its owner, by name or number.
        type: str
        default: root
      group:
        description: Its group, by name or number.
        type: str
        default: root
  files:
    description: Files that have to be there. Each gives exactly one of I(content), I(src) and I(template).
    type: list
    elements: dict
    default: []
    suboptions:
      dest:
        description: The file; with I(instances), C(%i) in it is replaced by each of them.
        type: path
        required: true
      content:
        description: What stands in it.
        type: str
      src:
        description: A file of the role's C(files), text in UTF-8.
        type: str
      template:
        description: A template of the role's C(templates).
        type: str
      instances:
        description: Names. The template is rendered once for each, which it sees as C(instance).
        type: list
        elements: str
      validate:
        description: A command that says whether the new file is right, C(%s) in it; if not, the old one stays.
        type: str
      mode:
        description: Its permissions, as an octal number in quotes.
        type: str
        default: "0644"
      owner:
        description: Its owner, by name or number.
        type: str
        default: root
      group:
        description: Its group, by name or number.
        type: str
        default: root
  trees:
    description: Folders of the role's C(files), whose files are written below I(dest).
    type: list
    elements: dict
    default: []
    suboptions:
      src:
        description: The folder.
        type: str
        required: true
      dest:
        description: Where its files go.
        type: path
        required: true
      pattern:
        description: Which of its files.
        type: str
        default: "*"
      mode:
        description: The files' permissions, as an octal number in quotes.
        type: str
        default: "0644"
  exclusive:
    description: Folders in which no file stays that was not given here. Folders in them are left alone.
    type: list
    elements: path
    default: []
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
author:
  - drill_runner maintainers
"""

EXAMPLES = r"""
- name: Install the program and its settings
  managed_files:
    directories:
      - {path: /usr/local/lib/model-backup/model_backup}
    trees:
      - {src: model_backup, dest: /usr/local/lib/model-backup/model_backup, pattern: "*.py"}
    files:
      - {dest: /usr/local/libexec/model-backup, src: model-backup, mode: "0755"}
      - {dest: /etc/model-backup/settings.json, template: settings.json.j2}
      - {dest: /etc/systemd/system/model-backup@%i.timer, template: model-backup@.timer.j2, instances: [weights]}
    exclusive: [/usr/local/lib/model-backup/model_backup]
"""

RETURN = r"""
changed_paths:
  description: Files and folders that were made, written, removed or given other permissions, sorted.
  type: list
  elements: str
  returned: always
"""


@dataclass(frozen=True)
class Wanted:
    """A file (with its content) or a folder (None), its permissions and whose it is."""

    path: Path
    content: bytes | None
    mode: int
    uid: int
    gid: int
    validate: str | None = None


@dataclass(frozen=True)
class Change:
    """What is to be done to one path: to what it holds, or to its permissions and owners only."""

    wanted: Wanted
    content: bool
    attributes: bool

    @property
    def path(self) -> Path:
        """The path that it is about."""
        return self.wanted.path


NOBODY_YET = -1
"""The number of an account that check mode did not let an earlier task make."""


def account(kind: str, name: str, *, check_mode: bool) -> int:
    """Give the number of a user or group. Raises ValueError if the host does not know it."""
    if name.isdigit():
        return int(name)
    try:
        return pwd.getpwnam(name).pw_uid if kind == "owner" else grp.getgrnam(name).gr_gid
    except KeyError:
        if check_mode:
            return NOBODY_YET
        raise ValueError(f"{kind}: there is no '{name}' on this host") from None


def wanted(entry: dict[str, Any], key: str, *, check_mode: bool) -> Wanted:
    """Read one entry of `directories` (key `path`) or `files` (key `dest`). Raises ValueError, naming the path."""
    path = Path(entry[key])
    try:
        mode = int(entry["mode"], 8)
        uid, gid = (account(kind, entry[kind], check_mode=check_mode) for kind in ("owner", "group"))
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    content = None if key == "path" else (entry["content"] or "").encode()
    validate: str | None = entry.get("validate")
    if validate is not None and "%s" not in validate:
        raise ValueError(f"{path}: validate: there is no %s in '{validate}', where the new file's name goes")
    return Wanted(path, content, mode, uid, gid, validate)


def change(one: Wanted, made: frozenset[Path] | None) -> Change | None:
    """Say what a path lacks, or None. Raises ValueError if something else is in its place.

    Args:
        one: what is wanted.
        made: folders that the same task makes; None, and no folder is missed, where check mode kept others from it.
    """
    try:
        now = one.path.lstat()
    except FileNotFoundError:
        if made is not None and one.path.parent not in made and not one.path.parent.is_dir():
            raise ValueError(f"{one.path}: there is no folder {one.path.parent}; name it in `directories`") from None
        return Change(one, content=True, attributes=True)
    is_right = stat.S_ISDIR(now.st_mode) if one.content is None else stat.S_ISREG(now.st_mode)
    if not is_right:
        raise ValueError(f"{one.path}: something else than a {'folder' if one.content is None else 'file'} is there")
    content = one.content is not None and (now.st_size != len(one.content) or one.path.read_bytes() != one.content)
    attributes = (stat.S_IMODE(now.st_mode), now.st_uid, now.st_gid) != (one.mode, one.uid, one.gid)
    return Change(one, content, attributes) if content or attributes else None


def strangers(exclusive: list[str], files: list[Wanted]) -> list[Path]:
    """Files in the exclusive folders that nobody asked for, sorted."""
    known = {one.path for one in files}
    there = (path for folder in exclusive if Path(folder).is_dir() for path in Path(folder).iterdir())
    return sorted(path for path in there if path not in known and (path.is_symlink() or not path.is_dir()))


def apply_change(one: Change, module: AnsibleModule) -> None:
    """Do it."""
    target = one.wanted
    if target.content is None:
        for above in reversed(target.path.parents):
            if not above.exists():
                above.mkdir()
                above.chmod(0o755)  # whatever root's umask is: those whose file is below have to get there
        target.path.mkdir(mode=0o700, exist_ok=True)
    elif one.content:
        # Not `atomic_move`: it leaves a new file open to everybody for a moment.
        handle, draft = tempfile.mkstemp(dir=target.path.parent, prefix=f".{target.path.name}.")
        module.add_cleanup_file(draft)
        with os.fdopen(handle, "wb") as file:
            file.write(target.content)
            os.fchown(file.fileno(), target.uid, target.gid)
            os.fchmod(file.fileno(), target.mode)
            file.flush()
            os.fsync(file.fileno())
        if target.validate:
            code, out, err = module.run_command(target.validate.replace("%s", draft))
            if code:
                module.fail_json(
                    msg=f"{target.path}: not replaced, {target.validate!r} refuses the new one: {err or out}"
                )
        Path(draft).replace(target.path)
        module.set_default_selinux_context(str(target.path), changed=False)
    os.chown(target.path, target.uid, target.gid)
    target.path.chmod(target.mode)


def difference(one: Change) -> dict[str, str]:
    """Show the change as Ansible shows differences."""
    path, content = one.path, one.wanted.content
    before = path.read_text(errors="replace") if content is not None and path.is_file() else ""
    after = (content or b"").decode(errors="replace")
    return {"before_header": str(path), "after_header": str(path), "before": before, "after": after}


class Module(AnsibleModule):  # type: ignore[misc]
    """A module that does not write what files hold into the host's log."""

    def _log_invocation(self) -> None:
        self.log(f"Invoked for {[entry['dest'] for entry in self.params['files']]}")


def main() -> None:
    """Run the module."""
    about = {
        "mode": {"type": "str", "default": "0644"},
        "owner": {"type": "str", "default": "root"},
        "group": {"type": "str", "default": "root"},
    }
    module = Module(
        argument_spec={
            "directories": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {
                    "path": {"type": "path", "required": True},
                    **about,
                    "mode": {"type": "str", "default": "0755"},
                },
            },
            "files": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {
                    "dest": {"type": "path", "required": True},
                    "content": {"type": "str", "required": True},
                    "validate": {"type": "str"},
                    **about,
                },
            },
            "exclusive": {"type": "list", "elements": "path", "default": []},
        },
        supports_check_mode=True,
    )
    try:
        check_mode: bool = module.check_mode
        folders = [wanted(entry, "path", check_mode=check_mode) for entry in module.params["directories"]]
        files = [wanted(entry, "dest", check_mode=check_mode) for entry in module.params["files"]]
        # `mkdir --parents` makes what is above them as well.
        made = frozenset(above for one in folders for above in (one.path, *one.path.parents))
        changes = [found for one in (*folders, *files) if (found := change(one, None if check_mode else made))]
    except (ValueError, OSError) as error:
        module.fail_json(msg=str(error))
    removed = strangers(module.params["exclusive"], files)
    shown = [difference(one) for one in changes if one.content] if module._diff else []  # noqa: SLF001 (no other way)
    if not module.check_mode:
        try:
            for one in changes:
                apply_change(one, module)
            for path in removed:
                path.unlink()
        except OSError as error:
            module.fail_json(msg=f"{error.filename or ''}: {error.strerror}")
    paths = sorted(str(path) for path in {*removed, *(one.path for one in changes)})
    # The files' contents do not come back with the result: it is kept and sent on by whoever listens.
    module.exit_json(changed=bool(paths), changed_paths=paths, diff=shown, invocation={"module_args": {}})


if __name__ == "__main__":
    main()
