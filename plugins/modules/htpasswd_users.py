#!/usr/bin/python
"""Ansible module: the complete set of users of an htpasswd file, with bcrypt."""

from __future__ import annotations

import contextlib
import importlib
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ansible.module_utils.basic import AnsibleModule, missing_required_lib

if TYPE_CHECKING:
    from collections.abc import Callable

DOCUMENTATION = r"""
module: htpasswd_users
short_description: The complete set of users of an htpasswd file
description:
  - Writes an htpasswd file that knows exactly the given users, with bcrypt hashes. A user who is not given is removed,
    which a module that manages one user at a time cannot do.
  - A hash that already fits its password is kept, so the file only changes when a user or a password does.
options:
  path:
    description: The htpasswd file.
    type: path
    required: true
  users:
    description: Password of each user.
    type: dict
    required: true
  cost:
    description:
      - The logarithm of bcrypt's rounds. Servers check it on every request, so it is low by default. Give it passwords
        that are random, as M(ansible.builtin.password#lookup) makes them.
    type: int
    default: 8
extends_documentation_fragment:
  - ansible.builtin.files
attributes:
  check_mode:
    support: full
requirements:
  - bcrypt (Debian's C(python3-bcrypt)) on the host
author:
  - drill_runner maintainers
"""

EXAMPLES = r"""
- name: Let exactly these hosts in
  htpasswd_users:
    path: /etc/restic-rest-server/users.htpasswd
    users: "{{ backup_repository_users }}"
    group: restic-rest-server
    mode: "0640"
  no_log: true
"""

RETURN = r"""
added:
  description: Users who were not there before, or whose password changed.
  type: list
  elements: str
  returned: always
removed:
  description: Users who were there and are not wanted.
  type: list
  elements: str
  returned: always
"""

bcrypt: Any = None  # absence is said by main(), where the message reaches the operator
with contextlib.suppress(ImportError):
    bcrypt = importlib.import_module("bcrypt")


def parse(text: str) -> dict[str, str]:
    """Read an htpasswd file's text into hashes by user."""
    lines = (line.strip() for line in text.splitlines())
    entries = (line.partition(":") for line in lines if line and not line.startswith("#"))
    return {user: digest for user, _, digest in entries}


def wanted_hashes(
    old: dict[str, str], users: dict[str, str], *, fits: Callable[[str, str], bool], make: Callable[[str], str]
) -> dict[str, str]:
    """Return the hash of every wanted user, keeping those that fit their password.

    Args:
        old: hashes that the file has now.
        users: passwords that the file shall have.
        fits: says whether a password (first) belongs to a hash (second).
        make: hashes a password.
    """
    return {
        user: old[user] if user in old and fits(password, old[user]) else make(password)
        for user, password in sorted(users.items())
    }


def bcrypt_fits(password: str, digest: str) -> bool:
    """Say whether a password belongs to a hash; a hash of another kind never fits."""
    try:
        return bool(bcrypt.checkpw(password.encode(), digest.encode()))
    except ValueError:
        return False


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "users": {"type": "dict", "required": True, "no_log": True},
            "cost": {"type": "int", "default": 8},
        },
        add_file_common_args=True,
        supports_check_mode=True,
    )
    if bcrypt is None:
        module.fail_json(msg=missing_required_lib("bcrypt"))
    path = Path(module.params["path"])
    users: dict[str, str] = module.params["users"]
    if bad := sorted(user for user in users if not user or ":" in user or user != user.strip()):
        module.fail_json(msg=f"users: these names cannot stand in an htpasswd file: {bad}")

    old: dict[str, str] = {}
    with contextlib.suppress(FileNotFoundError):
        old = parse(path.read_text(encoding="utf-8"))
    new = wanted_hashes(
        old,
        users,
        fits=bcrypt_fits,
        make=lambda password: bcrypt.hashpw(password.encode(), bcrypt.gensalt(module.params["cost"])).decode(),
    )
    changed = new != old
    if changed and not module.check_mode:
        handle, draft = tempfile.mkstemp(dir=module.tmpdir)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.writelines(f"{user}:{digest}\n" for user, digest in new.items())
        module.atomic_move(draft, str(path))
    if not module.check_mode or path.exists():
        changed = module.set_fs_attributes_if_different(module.load_file_common_arguments(module.params), changed)
    module.exit_json(
        changed=changed,
        added=[user for user in new if new[user] != old.get(user)],
        removed=sorted(set(old) - set(new)),
    )


if __name__ == "__main__":
    main()
