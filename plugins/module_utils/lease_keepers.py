"""Who holds a lease on a machine and undoes it: systemd, or a process where there is none."""

from __future__ import annotations

import contextlib
import fcntl
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from .lease import LeaseError, write_durably
from .lease_scripts import CLEAN, LEASE_UNIT, UNDO_UNIT

if TYPE_CHECKING:
    from .lease import Lease

UNITS = Path("/etc/systemd/system")


def run(*command: str, timeout_s: float | None = None) -> subprocess.CompletedProcess[str]:
    """Run a command; both outputs in `stdout`. A command that does not end in time has exit status 124."""
    try:
        return subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=timeout_s,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(command, 124, f"no answer within {timeout_s} s")


def systemd_runs() -> bool:
    """Whether systemd is this machine's service manager, by its own documented test."""
    return Path("/run/systemd/system").is_dir()


class SystemdKeeper:
    """systemd holds the lease, ends it and retries the undo; the controller is not needed once it is armed."""

    def install(self, lease: Lease) -> None:
        """Write both units and enable the undo at boot."""
        terms = lease.agreed()
        values = {
            "id": lease.id,
            "fault": terms.fault,
            "folder": lease.folder,
            "at_most_s": 2 * terms.limit_s + 10,
            "undo_unit": lease.undo_unit,
        }
        clean = CLEAN.format(units=UNITS, unit=lease.unit, undo_unit=lease.undo_unit)
        write_durably(lease.folder / "clean", clean, 0o700)
        write_durably(UNITS / lease.unit, LEASE_UNIT.format(**values), 0o644)
        write_durably(UNITS / lease.undo_unit, UNDO_UNIT.format(**values), 0o644)
        self._systemctl("enable", "--quiet", lease.undo_unit)  # reloads, so both units are known after it

    def installed(self, lease: Lease) -> bool:
        """Whether the undo at boot is there; it is written last."""
        return (UNITS / "multi-user.target.wants" / lease.undo_unit).exists() and (UNITS / lease.unit).exists()

    def start(self, lease: Lease) -> None:
        """Start `hold`, which waits for the word."""
        self._systemctl("start", lease.unit)

    def end(self, lease: Lease, timeout_s: float) -> None:
        """Ask for the end. The undo unit cleans up; starting it again hurries a retry."""
        run("systemctl", "stop", lease.unit, timeout_s=timeout_s)
        if lease.exists():
            run("systemctl", "start", "--no-block", lease.undo_unit)

    @staticmethod
    def _systemctl(*arguments: str) -> str:
        done = run("systemctl", *arguments)
        if done.returncode != 0:
            raise LeaseError(f"systemctl {' '.join(arguments)}: {done.stdout.strip()}")
        return done.stdout.strip()


class ProcessKeeper:
    """A detached process holds the lease, where there is no systemd. It outlives the controller, not the machine."""

    def __init__(self, source: str) -> None:
        """Args: source: The program `lease_process.py`, which is put into the folder so that it needs nothing else."""
        self._source = source

    def install(self, lease: Lease) -> None:
        """Put the program into the folder."""
        write_durably(lease.folder / "keeper", self._source, 0o700)

    def installed(self, lease: Lease) -> bool:
        """Whether the program is there."""
        return (lease.folder / "keeper").exists()

    def start(self, lease: Lease, timeout_s: float = 10.0) -> None:
        """Start the program, which detaches itself at once and starts `hold`."""
        done = run(sys.executable, str(lease.folder / "keeper"), str(lease.folder), timeout_s=timeout_s)
        if done.returncode != 0:
            raise LeaseError(f"the keeper of lease {lease.id} did not start: {done.stdout.strip()}")

    def end(self, lease: Lease, timeout_s: float) -> None:
        """Ask the keeper to end; start one for the undo if it has died."""
        with contextlib.suppress(FileNotFoundError):  # it ends at this very moment
            (lease.folder / "stop").touch()
            if not self.alive(lease):
                self.start(lease, timeout_s)

    @staticmethod
    def alive(lease: Lease) -> bool:
        """Whether a keeper holds this lease's lock."""
        with (lease.folder / "keeper.lock").open("a") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
        return False
