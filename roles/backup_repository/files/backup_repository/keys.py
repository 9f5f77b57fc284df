"""The store's own key to a repository, let in once by who has another one."""

from __future__ import annotations

import os
import subprocess
import sys

from backup_repository.opened import Opened, key, last_line, repository
from backup_repository.settings import KEYS, Settings, UpkeepError


def add_key(settings: Settings, user: str) -> dict[str, object]:
    """Add the store's key, unless it opens the repository already. A password that does comes on the standard input."""
    path = repository(settings, user)
    if path is None:
        return {"changed": False, "repository": False}
    if Opened(path, key(user)).restic("cat", "config").returncode == 0:
        return {"changed": False, "repository": True}
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
            "--user=prune",
            "--host=store",
            f"--new-password-file={KEYS / user}",
        ],
        env={"PATH": os.environ["PATH"], "HOME": "/nonexistent"},
        input=sys.stdin.read(),
        capture_output=True,
        text=True,
        check=False,
        umask=0o077,
    )
    owner = path.stat()
    for made in (path / "keys").iterdir():
        os.chown(made, owner.st_uid, owner.st_gid)
    if done.returncode:
        raise UpkeepError(f"the store's key was not let in to {path}: {last_line(done)}")
    return {"changed": True, "repository": True}
