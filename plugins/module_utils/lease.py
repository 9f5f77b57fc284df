"""A lease on a machine: its folder, and what can be read from it.

The folder is there exactly as long as the fault may be: whoever has undone the fault removes it, and nobody else does.
Shared by the modules and the tests; nothing but the standard library, because that is all a target has.
"""

from __future__ import annotations

import json
import math
import os
import re
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

DEFAULT_BASE = "/var/lib/drill-lease"
ID_PATTERN = re.compile(r"[a-z0-9][a-z0-9.-]{0,126}")
BASE_PATTERN = re.compile(r"/[A-Za-z0-9/._-]+")


class LeaseError(Exception):
    """What went wrong, for the person who reads the module's message."""


@dataclass(frozen=True)
class Terms:
    """`lease.json`: what was agreed on when the lease was armed."""

    run: str
    fault: str
    host: str
    limit_s: float
    created: float
    """Seconds since the epoch."""
    keeper: str
    """`systemd` or `process`."""
    renew_within_s: float = 0.0
    """It ends when it was not renewed for so many seconds; 0: nobody has to."""


@dataclass(frozen=True)
class Scripts:
    """The fault, in POSIX shell. Each runs under `set -eu` with `DRILL_LEASE_STATE` naming a folder of its own."""

    inject: str
    undo: str
    proof: str
    prepare: str = ""
    """Runs once while arming: everything slow, nothing that breaks."""


@dataclass(frozen=True)
class Lease:
    """One lease's folder."""

    base: Path
    id: str

    def __post_init__(self) -> None:
        """Refuse what could be another path or need quoting in a unit."""
        if not ID_PATTERN.fullmatch(self.id):
            raise LeaseError(f"id: {self.id!r} must match {ID_PATTERN.pattern}")
        if not BASE_PATTERN.fullmatch(str(self.base)):
            raise LeaseError(f"base: {str(self.base)!r} must match {BASE_PATTERN.pattern}")

    @property
    def folder(self) -> Path:
        """Where it lives; it exists as long as the fault may."""
        return self.base / self.id

    @property
    def state(self) -> Path:
        """What the scripts keep for their undo."""
        return self.folder / "state"

    @property
    def log(self) -> Path:
        """What the scripts said."""
        return self.folder / "log"

    @property
    def unit(self) -> str:
        """The systemd unit that holds it."""
        return f"drill-lease-{self.id}.service"

    @property
    def undo_unit(self) -> str:
        """The systemd unit that undoes it until that worked, also at boot."""
        return f"drill-lease-undo-{self.id}.service"

    def exists(self) -> bool:
        """Whether anything of it is on this machine."""
        return self.folder.exists()

    def has(self, mark: str) -> bool:
        """Whether `started`, `injected`, `ending` or `ended` was written."""
        return (self.folder / mark).exists()

    def terms(self) -> Terms | None:
        """What was agreed on; None while it is not fully armed."""
        try:
            return Terms(**json.loads((self.folder / "lease.json").read_text()))
        except FileNotFoundError:
            return None

    def host(self) -> str | None:
        """Which host is broken. Known before the terms: half a lease is found where another machine has it, too."""
        terms = self.terms()
        if terms is not None:
            return terms.host
        try:
            return (self.folder / "host").read_text()
        except FileNotFoundError:
            return None

    def agreed(self) -> Terms:
        """What was agreed on; LeaseError when there is no such lease."""
        terms = self.terms()
        if terms is None:
            raise LeaseError(
                f"there is no lease {self.id} under {self.base}: arm it first; one that ended removes itself"
            )
        return terms

    def status(self) -> str:
        """`armed`, `held` or `ending`."""
        if self.has("ending"):
            return "ending"
        return "held" if self.has("started") else "armed"

    def began(self) -> float | None:
        """When inject was started, by `uptime_s`, at most 0.01 s late; None while it was not."""
        try:
            return int((self.folder / "began").read_text()) / 100
        except (FileNotFoundError, ValueError):  # ValueError: it is being written
            return None

    def go(self) -> None:
        """Say the word: whoever holds it breaks now.

        Raises:
            LeaseError: It has ended, as an armed one does that nobody renews.
        """
        try:
            (self.folder / "go").touch()
        except FileNotFoundError:
            raise LeaseError(f"lease {self.id} has ended before anything was broken: arm it again") from None

    def renew(self, alive: float | None = None) -> bool:
        """Let it last another while. False when it is not there, or has begun to end.

        Args:
            alive: When whoever wants it was there for sure, by `uptime_s`: what takes long here must not let it last
                longer than that. Half of its period is left in any case. None: now.
        """
        terms = self.terms()
        if terms is None or self.has("ending"):
            return False
        if terms.renew_within_s:
            beside = self.folder / f"until.{os.getpid()}"  # several may renew at once
            now = uptime_s()
            since = now if alive is None else max(alive, now - terms.renew_within_s / 2)
            until = math.ceil((since + terms.renew_within_s) * 100)
            try:
                beside.write_text(f"{max(until, self.until())}\n")
                beside.rename(self.folder / "until")
            except FileNotFoundError:  # it ends at this very moment
                return False
        return True

    def until(self) -> int:
        """When it ends unless it is renewed, in hundredths of a second by `uptime_s`; 0 while that is not known."""
        try:
            return int((self.folder / "until").read_text())
        except (FileNotFoundError, ValueError):
            return 0

    def said(self, limit: int = 2000) -> str:
        """The last `limit` characters of the log."""
        try:
            return self.log.read_text(errors="replace")[-limit:].strip()
        except FileNotFoundError:
            return ""


def uptime_s() -> float:
    """Seconds since the machine started, as the shell of `hold` reads them: containers may be told another start."""
    return float(Path("/proc/uptime").read_text().split()[0])


def all_leases(base: Path, host: str | None = None) -> Iterator[Lease]:
    """Every lease under `base`, of one host only when `host` is given."""
    if not base.is_dir():
        return
    for folder in sorted(base.iterdir()):
        if not ID_PATTERN.fullmatch(folder.name):
            continue
        lease = Lease(base, folder.name)
        if host is None or lease.host() == host:
            yield lease


def describe(lease: Lease) -> dict[str, object]:
    """A lease as the modules return it; of one that is not fully armed little is known."""
    terms = lease.terms()
    known = asdict(terms) if terms else {"fault": "", "run": "", "host": lease.host() or ""}
    age = max(0.0, time.time() - terms.created) if terms else None
    return {"id": lease.id, "status": lease.status(), "age_s": age, "log": lease.said(), **known}


def write_durably(path: Path, text: str, mode: int) -> None:
    """Write `text` to a file that is on disk, complete and with `mode`, or not there at all."""
    beside = path.with_name(path.name + ".new")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(descriptor, "w") as out:
        out.write(text)
        out.flush()
        os.fsync(out.fileno())
    beside.rename(path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Put a folder's entries on disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
