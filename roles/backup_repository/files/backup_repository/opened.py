"""A repository on this store's own disk, opened with the store's own key."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from backup_repository.settings import KEYS, Settings, UpkeepError

if TYPE_CHECKING:
    from pathlib import Path

LOCK_WAIT = "15m"
"""A backup that is under way ends first."""


@dataclass(frozen=True)
class Opened:
    """A user's repository, and a password that opens it."""

    path: Path
    password: str

    def restic(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run restic as the user whose files these are.

        The password comes on its standard input: nobody finds it in a list of processes or in their environments. No
        cache: it would keep a second list of what there is.
        """
        owner = self.path.stat()
        return subprocess.run(
            ["restic", "--no-cache", "--json", "--repo", str(self.path), *arguments],
            env={"PATH": os.environ["PATH"], "HOME": "/nonexistent"},
            input=self.password,
            capture_output=True,
            text=True,
            check=False,
            user=owner.st_uid,
            group=owner.st_gid,
            extra_groups=[],
            umask=0o077,
        )

    def said(self, *arguments: str) -> list[Any]:
        """What restic printed, object by object; UpkeepError with its last line when it failed."""
        done = self.restic(*arguments)
        if done.returncode:
            raise UpkeepError(f"restic {arguments[0]}: {last_line(done)}")
        return objects(done.stdout)

    def dump(self, snapshot: str, path: str) -> str:
        """A file's content, as a snapshot has it."""
        done = self.restic("dump", snapshot, path)
        if done.returncode:
            raise UpkeepError(f"restic dump: {last_line(done)}")
        return done.stdout


def objects(text: str) -> list[Any]:
    """The lines that are JSON. restic prints its progress among them, which begins with a bracket, too."""
    found = []
    for line in text.splitlines():
        with contextlib.suppress(ValueError):
            found.append(json.loads(line))
    return found


def last_line(done: subprocess.CompletedProcess[str]) -> str:
    """Why restic failed, in its own words."""
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    try:
        return str(json.loads(lines[-1])["message"]) if lines else f"exit code {done.returncode}"
    except (ValueError, KeyError, TypeError):
        return lines[-1]


def repository(settings: Settings, user: str) -> Path | None:
    """Where the user's repository is; None until a host has made one."""
    path = settings.data_dir / user
    return path if (path / "config").is_file() else None


def key(user: str) -> str:
    """The store's own key to the user's repository; UpkeepError without one."""
    try:
        return (KEYS / user).read_text().strip()
    except OSError as error:
        raise UpkeepError(f"no key to the repository of {user}: {error}; deploy backup_repository") from error
