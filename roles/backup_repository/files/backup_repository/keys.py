"""The store's own keys to the repositories, let in once by who has another one."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from backup_repository.opened import Opened, key, last_line, objects, repository
from backup_repository.settings import KEYS, OPENED, Settings, UpkeepError, replace_text

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

AT_ONCE = 4
"""To open a repository takes half a second of a core and 64 MiB, on purpose (scrypt)."""

OURS = ("prune", "store")
"""User and host that the store's keys are marked with."""


@dataclass(frozen=True)
class Answer:
    """What came of one user's repository."""

    changed: bool
    """The key was added."""
    error: str | None = None
    """Why it could not be."""
    opened: Mapping[str, str] | None = None
    """Which of its key files the store's key opens: a digest of the key; the file's name, its own digest."""


def add_keys(settings: Settings, passwords: Mapping[str, str], known: Path = OPENED) -> dict[str, Answer]:
    """Add the store's key to each user's repository that it does not open yet.

    Args:
        settings: the store's.
        passwords: by user, one that opens the repository.
        known: where it stands what the store's keys opened before. As long as that key file is there and whole, the
            repository is not opened again to see.
    """
    before = _load(known)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        asked = {
            user: pool.submit(_answer, settings, user, password, before.get(user))
            for user, password in passwords.items()
        }
    done = {user: one.result() for user, one in asked.items()}
    if (now := {user: dict(one.opened) for user, one in done.items() if one.opened}) != before:
        known.parent.mkdir(mode=0o755, exist_ok=True)
        replace_text(known, json.dumps(now, indent=2) + "\n")
    return done


def _load(path: Path) -> dict[str, dict[str, str]]:
    try:
        return dict(json.loads(path.read_text()))
    except (OSError, ValueError):
        return {}


def _answer(settings: Settings, user: str, password: str, before: Mapping[str, str] | None) -> Answer:
    try:
        path = repository(settings, user)
        if path is None:  # until a host has made one
            return Answer(changed=False)
        mine = key(user)
        if before is not None and _still_opens(path, mine, before):
            return Answer(changed=False, opened=before)
        if any(map(_may_be_ours, _files(path))) and (opened := _opens(path, mine)) is not None:
            return Answer(changed=False, opened=opened)
        added = _add(path, user, password)
        opened = {"key": _digest(mine.encode()), "file": added[0]} if len(added) == 1 else _opens(path, mine)
        return Answer(changed=True, opened=opened)
    except (UpkeepError, OSError) as error:
        return Answer(changed=False, error=str(error))


def _still_opens(path: Path, mine: str, before: Mapping[str, str]) -> bool:
    file = path / "keys" / before.get("file", "")
    return before.get("key") == _digest(mine.encode()) and file.is_file() and _digest(file.read_bytes()) == file.name


def _files(path: Path) -> list[Path]:
    return list((path / "keys").iterdir())


def _may_be_ours(file: Path) -> bool:
    """A key file says in the clear whom it is for: no need to try those of the hosts."""
    try:
        said = json.loads(file.read_bytes())
        return (said["username"], said["hostname"]) == OURS
    except (OSError, ValueError, LookupError, TypeError):
        return True


def _opens(path: Path, mine: str) -> dict[str, str] | None:
    """Try the store's key; give what `opened` is, or None."""
    done = Opened(path, mine).restic("--no-lock", "key", "list")
    found = [one["id"] for many in objects(done.stdout) for one in many if one.get("current")]
    return {"key": _digest(mine.encode()), "file": found[0]} if done.returncode == 0 and found else None


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _add(path: Path, user: str, password: str) -> list[str]:
    """Add the store's key and give the new key files. restic has opened the repository with it when it says so."""
    before = set(_files(path))
    # As root, who alone can read the new key's file.
    done = subprocess.run(
        [
            "restic",
            "--no-cache",
            "--json",
            "--repo",
            str(path),
            "key",
            "add",
            f"--user={OURS[0]}",
            f"--host={OURS[1]}",
            f"--new-password-file={KEYS / user}",
        ],
        env={"PATH": os.environ["PATH"], "HOME": "/nonexistent"},
        input=password,
        capture_output=True,
        text=True,
        check=False,
        umask=0o077,
    )
    owner = path.stat()
    for made in _files(path):
        os.chown(made, owner.st_uid, owner.st_gid)
    if done.returncode:
        raise UpkeepError(f"the store's key was not let in to {path}: {last_line(done)}")
    return [made.name for made in _files(path) if made not in before]
