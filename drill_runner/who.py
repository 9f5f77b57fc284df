"""Who is at work, as far as this machine can tell."""

import os
import pwd
import socket
from pathlib import Path

from drill_runner.model.audit import Who

LOGIN_UID = Path("/proc/self/loginuid")
NO_LOGIN = 2**32 - 1
"""The kernel's number for a process that no login began."""


def who() -> Who:
    """The person behind this process."""
    uid = os.getuid()
    return Who(
        user=_name(uid),
        uid=uid,
        sudo_user=os.environ.get("SUDO_USER"),
        login_uid=_login_uid(),
        host=socket.gethostname(),
        ssh_client=next(iter(os.environ.get("SSH_CONNECTION", "").split()), None),
    )


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _login_uid() -> int | None:
    try:
        uid = int(LOGIN_UID.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None
    return None if uid == NO_LOGIN else uid
