"""A lease on a machine: its folder, its scripts, and how systemd keeps it.

The folder is there exactly as long as the fault may be: whoever has undone the fault removes it, and nobody else does.
Shared by the modules and the tests; nothing but the standard library, because that is all a target has.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import math
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

DEFAULT_BASE = "/var/lib/drill-lease"
ID_PATTERN = re.compile(r"[a-z0-9][a-z0-9.-]{0,126}")
BASE_PATTERN = re.compile(r"/[A-Za-z0-9/._-]+")
UNITS = Path("/etc/systemd/system")

# `9>&-` everywhere: a process that inject leaves behind on purpose must not keep the lock with it.
HOLD = """\
#!/bin/sh
# Waits for the word, breaks, then lasts. However this ends, `end` runs next; never the other way round.
set -eu
cd "${0%/*}"
exec >>log 2>&1

# Hundredths of a second since the machine started: a clock that nobody sets.
now() {
  read -r up _ </proc/uptime
  now=${up%.*}${up#*.}
}

in_force() {
  now
  if [ "$now" -ge "$limit" ]; then
    echo "its time limit has passed"
    return 1
  fi
  if [ -e until ]; then
    read -r until <until
    if [ "$now" -ge "$until" ]; then
      echo "nobody has renewed it in time"
      return 1
    fi
  fi
}

not_ended() {
  if [ -e ended ]; then
    echo "this lease has ended: arm a new one"
    exit 1
  fi
}

read -r lasts <lasts
now
limit=$((now + lasts))
not_ended
while [ ! -e go ]; do
  in_force || exit 0
  sleep 0.02
done

exec 9>lock
flock 9
not_ended
now
echo "$now" >began
limit=$((now + lasts))
# On disk before anything breaks, or a power cut would hide from the boot that there is something to undo.
: >started
sync started .
( sh ./inject && echo 0 >outcome || echo $? >outcome ) 9>&- &
while [ ! -s outcome ]; do
  in_force || exit 0
  sleep 0.01
done
read -r outcome <outcome
if [ "$outcome" -ne 0 ]; then
  exit "$outcome"
fi
: >injected
exec 9>&-
while in_force; do
  sleep 0.2
done
"""

END = """\
#!/bin/sh
# Undoes, one at a time. Exits with 0 only when there is nothing left to undo.
set -eu
cd "${0%/*}"
# Its time says when the first undo began.
[ -e ending ] || : >ending
exec >>log 2>&1 9>lock
flock 9
if [ -e ended ]; then
  exit 0
fi
if [ -e started ]; then
  sh ./undo 9>&-
fi
: >ended
sync ended .
"""

# The folder goes last: while it is there, the lease is listed. Its log goes to the journal, which outlives it.
CLEAN = """\
#!/bin/sh
# Removes every trace of a lease that has been undone.
set -eu
cd "${{0%/*}}"
# Whoever asks for the end at this moment would find half of it.
exec 8<.
flock 8
cat log
systemctl stop {unit}
rm -f {units}/{unit} {units}/{undo_unit} {units}/multi-user.target.wants/{undo_unit}
systemctl daemon-reload
systemctl reset-failed {unit} 2>/dev/null || true
rm -rf "$PWD"
"""

# SIGKILL: a hung inject must not delay its undo. A lease that ended by its limit, by request or by a stray kill has
# ended well if its undo worked, so only a failed inject or a failed undo leaves this unit in `systemctl --failed`.
# `hold` keeps the limit by itself; RuntimeMaxSec is for one that cannot, and counts the wait for the word as well.
LEASE_UNIT = """\
[Unit]
Description=Drill lease {id}: {fault}
OnSuccess={undo_unit}
OnFailure={undo_unit}

[Service]
Type=exec
ExecStart=/bin/sh {folder}/hold
ExecStopPost=/bin/sh {folder}/end
RuntimeMaxSec={at_most_s:.3f}
KillSignal=SIGKILL
SuccessExitStatus=SIGKILL
TimeoutStopSec=60
"""

UNDO_UNIT = """\
[Unit]
Description=Undo of drill lease {id}: {fault}
ConditionPathExists={folder}
StartLimitIntervalSec=0

[Service]
Type=oneshot
ExecStart=/bin/sh {folder}/end
ExecStart=/bin/sh {folder}/clean
Restart=on-failure
RestartSec=1
TimeoutStartSec=120

[Install]
WantedBy=multi-user.target
"""


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
        """Say the word: whoever holds it breaks now."""
        (self.folder / "go").touch()

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


def whole(script: str, lease: Lease, terms: Terms, env: Mapping[str, str]) -> str:
    """A script of a fault with all that it needs, so that a person can run it by hand as well."""
    exports = {**env, "DRILL_LEASE_STATE": str(lease.state), "DRILL_LEASE_PYTHON": sys.executable}
    lines = [f"export {name}={shlex.quote(value)}" for name, value in exports.items()]
    title = shlex.quote(f"{terms.fault} on {terms.host}, run {terms.run}")
    return "\n".join(["#!/bin/sh", f": {title}", "set -eu", *lines, script, ""])


@contextlib.contextmanager
def alone(lease: Lease, within_s: float, *, make: bool = False) -> Iterator[None]:
    """Inside, nobody else on this machine arms this lease or asks for its end.

    An arming may be under way when the end is asked for: a controller that is told to stop does not stop what goes on
    here already. It would then start what the end has just removed.

    Args:
        lease: Which. The lock is its folder, so that nothing is left of it; where there is none, nothing is locked.
        within_s: How long to wait for somebody else, in seconds.
        make: Make the folder where there is none.

    Raises:
        LeaseError: Somebody else goes on for longer than that.
    """
    deadline = time.monotonic() + within_s
    while True:
        try:
            descriptor = _lock(lease, make=make)
            break
        except BlockingIOError:
            if time.monotonic() >= deadline:
                raise LeaseError(
                    f"lease {lease.id}: somebody else has been arming or ending it for {within_s} s"
                ) from None
            time.sleep(0.02)
    try:
        yield
    finally:
        if descriptor is not None:
            os.close(descriptor)


def _lock(lease: Lease, *, make: bool) -> int | None:
    """The folder, open and locked; None where there is none. BlockingIOError while it is somebody else's."""
    if make:
        lease.base.mkdir(mode=0o700, parents=True, exist_ok=True)
        lease.folder.mkdir(mode=0o700, exist_ok=True)
    try:
        descriptor = os.open(lease.folder, os.O_RDONLY | os.O_DIRECTORY)
    except FileNotFoundError:
        if make:  # it ended at this very moment
            raise BlockingIOError from None
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        ours = os.path.samestat(lease.folder.stat(), os.fstat(descriptor))  # whoever had it may have removed it
    except (BlockingIOError, FileNotFoundError):
        ours = False
    if not ours:
        os.close(descriptor)
        raise BlockingIOError
    return descriptor


def stage(
    lease: Lease,
    terms: Terms,
    scripts: Scripts,
    env: Mapping[str, str],
    files: Mapping[str, str],
    *,
    alive: float | None = None,
) -> None:
    """Write the folder, run `prepare`; `lease.json` comes last and says that all is there.

    Args:
        lease: Where.
        terms: What was agreed on.
        scripts: The fault.
        env: Variables for the scripts, value by name.
        files: Content by name, put into the state folder with mode 0600.
        alive: As for `Lease.renew`.

    Raises:
        LeaseError: `prepare` failed. Nothing is left behind.
    """
    lease.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for rest in lease.folder.iterdir():  # of an arming that was cut short: nothing is broken by it
        shutil.rmtree(rest) if rest.is_dir() else rest.unlink()
    write_durably(lease.folder / "host", terms.host, 0o600)
    lease.state.mkdir(mode=0o700)
    lease.log.touch(mode=0o600)
    for name, content in files.items():
        write_durably(lease.state / name, content, 0o600)
    for name, body in asdict(scripts).items():
        write_durably(lease.folder / name, whole(body, lease, terms, env), 0o700)
    write_durably(lease.folder / "lasts", f"{math.ceil(terms.limit_s * 100)}\n", 0o600)
    write_durably(lease.folder / "hold", HOLD, 0o700)
    write_durably(lease.folder / "end", END, 0o700)
    prepared = run("/bin/sh", str(lease.folder / "prepare"))
    if prepared.returncode != 0:
        shutil.rmtree(lease.folder)
        raise LeaseError(f"prepare failed, nothing was armed: {prepared.stdout.strip()}")
    sync_folder(lease.state)
    write_durably(lease.folder / "lease.json", json.dumps(asdict(terms), indent=1), 0o600)
    lease.renew(alive)
    sync_folder(lease.base)


def arm(
    lease: Lease,
    keeper: SystemdKeeper | ProcessKeeper,
    terms: Terms,
    scripts: Scripts,
    *,
    env: Mapping[str, str],
    files: Mapping[str, str],
    within_s: float,
    alive: float | None = None,
) -> bool:
    """Stage the fault and start whoever holds it. False when exactly this lease is armed already.

    Args:
        lease: Where.
        keeper: Who holds it.
        terms: What was agreed on.
        scripts: The fault.
        env: Variables for the scripts, value by name.
        files: Content by name, put into the state folder with mode 0600.
        within_s: How long to wait for somebody who arms or ends it already, in seconds.
        alive: As for `Lease.renew`.

    Raises:
        LeaseError: Another lease has this id, or `prepare` failed, or it could not be started.
    """
    with alone(lease, within_s, make=True):
        if staged(lease, terms, scripts, env):
            return False
        stage(lease, terms, scripts, env, files, alive=alive)
        keeper.install(lease)
        keeper.start(lease)
    return True


def staged(lease: Lease, terms: Terms, scripts: Scripts, env: Mapping[str, str]) -> bool:
    """Whether exactly this lease is there already, whole, and has not begun to end.

    Raises:
        LeaseError: Another lease has this id.
    """
    found = lease.terms()
    if found is None:
        return False
    bodies = asdict(scripts)
    same = all((lease.folder / name).read_text() == whole(body, lease, terms, env) for name, body in bodies.items())
    if same and replace(found, created=terms.created) == terms and not lease.has("ending"):
        return True
    raise LeaseError(f"id: {lease.id!r} is in use ({describe(lease)}): revert it first or choose another id")


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
        """Args: source: The program `lease_keeper.py`, which is put into the folder so that it needs nothing else."""
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


@dataclass(frozen=True)
class Effect:
    """How the target proved the fault. Ages are seconds before the answer, on the target's CLOCK_MONOTONIC."""

    shown: bool
    evidence: str
    age_min_s: float
    """Since the proof had first succeeded; 0 when it never did."""
    age_max_s: float
    """Since inject was started; 0 when it was not."""


def prove(lease: Lease, timeout_s: float) -> tuple[bool, str]:
    """Run `proof` once. Returns whether the effect is there, and what the proof said."""
    done = run("/bin/sh", str(lease.folder / "proof"), timeout_s=timeout_s)
    return done.returncode == 0, done.stdout.strip()


def await_effect(lease: Lease, within_s: float) -> Effect:
    """Run `proof` over and over until it exits with 0.

    Args:
        lease: A lease that was told to go.
        within_s: When to give up, in seconds.

    Raises:
        LeaseError: The lease ended, for instance because `inject` failed.
    """
    with lease.log.open(errors="replace") as log:  # stays readable when the folder is gone
        deadline = time.monotonic() + within_s
        seen: float | None = None
        while True:
            if seen is None:
                shown, evidence = prove(lease, timeout_s=max(0.1, deadline - time.monotonic()))
                seen = time.monotonic() if shown else None
            if lease.has("ending") or not lease.exists():
                raise LeaseError(f"lease {lease.id} ended before its effect was shown: {log.read().strip()}")
            # An effect does not count before all of inject has worked, but its age counts from when it was first seen.
            shown = seen is not None and lease.has("injected")
            if shown or time.monotonic() >= deadline:
                age_min_s = time.monotonic() - seen if seen else 0.0
                began = lease.began()
                return Effect(shown, evidence, age_min_s, age_max_s=uptime_s() + 0.01 - began if began else 0.0)
            time.sleep(0.01)


def await_end(lease: Lease, keeper_named: Callable[[str], SystemdKeeper | ProcessKeeper], within_s: float) -> None:
    """End a lease and wait until nothing of it is left. Waits for an arming that is under way first.

    Args:
        lease: Which; there may be none.
        keeper_named: The keeper of the name that its terms have.
        within_s: When to give up, in seconds.

    Raises:
        LeaseError: The undo did not succeed in time. It goes on being retried on the machine.
    """
    deadline = time.monotonic() + within_s
    with alone(lease, within_s):
        terms = lease.terms()
        if terms is None:  # arming was cut short: nothing is broken, nobody keeps it
            shutil.rmtree(lease.folder, ignore_errors=True)
            return
        keeper = keeper_named(terms.keeper)
        if not keeper.installed(lease):
            keeper.install(lease)
        keeper.end(lease, within_s)
    while lease.exists():
        if time.monotonic() >= deadline:
            raise LeaseError(
                f"lease {lease.id} ({terms.fault} on {terms.host}): its undo has not succeeded within {within_s} s. "
                f"This machine retries it every second; it said: {lease.said()}"
            )
        time.sleep(0.02)
