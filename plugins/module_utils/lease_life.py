"""The life of a lease: armed, told to break, proved, ended."""

from __future__ import annotations

import contextlib
import fcntl
import json
import math
import os
import shlex
import shutil
import sys
import time
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

from .lease import Lease, LeaseError, Scripts, Terms, describe, sync_folder, uptime_s, write_durably
from .lease_keepers import run
from .lease_scripts import END, HOLD

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from .lease_keepers import ProcessKeeper, SystemdKeeper


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
