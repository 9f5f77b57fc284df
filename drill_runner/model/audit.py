"""What was done with this program, by whom and from where: one line of the audit log each."""

from typing import Literal

from pydantic import Field

from drill_runner.model.base import data

AUDIT_VERSION = 1
Command = Literal["run", "resume", "abort", "approve", "lab up", "lab down"]
"""What touches hosts, or allows others to."""


@data
class Who:
    """The person behind a process, as its machine tells."""

    user: str
    """Name of the real user."""
    uid: int
    sudo_user: str | None = None
    """Who called sudo, as sudo says in the environment: root can write anything there."""
    login_uid: int | None = None
    """The user that logged in, as the kernel keeps it through su and sudo; None where no login began the process."""
    host: str
    """The machine's name."""
    ssh_client: str | None = None
    """Address that the session comes from, as sshd says in the environment; sudo drops it unless told otherwise."""

    @property
    def name(self) -> str:
        """The name that counts: who called sudo, where root is at work, else the user's own."""
        return self.sudo_user if self.uid == 0 and self.sudo_user else self.user


@data
class Action:
    """What is done."""

    command: Command
    drill: str | None = None
    inventory: str | None = None
    hosts: tuple[str, ...] = ()
    """Those that may be touched."""
    run_id: str | None = None


@data
class AuditEntry:
    """One line."""

    version: int = Field(default=AUDIT_VERSION, ge=1)
    utc: str
    id: str
    """Of the action: its beginning and its end have the same."""
    event: Literal["began", "ended"]
    who: Who
    action: Action
    exit_code: int | None = None
    verdict: str | None = None
    approved_by: str | None = None
    """Who approved it, or did so by this."""
    problem: str | None = None
    """Why it was refused, or what went wrong in the program."""
    previous: str = Field(pattern=r"^[0-9a-f]{64}$")
    """SHA-256 of the line before this one, without its end of line; zeros in the first."""
