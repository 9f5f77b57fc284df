"""Kill the runner of a drill at a point, and see what becomes of the hosts with nobody's help."""

import contextlib
import os
import signal
import subprocess
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path

import yaml

from drill_runner.observe.pool import parse
from tests.integration.conftest import INCONCLUSIVE, PROJECT, TRIES, command
from tests.torture.points import Point
from tests.torture.residue import HOSTS, LAB, LEASES, Snapshot, differences, look

RENEW_WITHIN_S = 10
CLEAN_WITHIN_S = 180.0
"""Until the hosts are as before: some have to boot, and load their weights."""
RUN_WITHIN_S = 300.0
LOOK_EVERY_S = 0.05
ENDPOINT = yaml.safe_load((PROJECT.lab_inventory / "group_vars/all/drill.yml").read_text())["drill_endpoint"]


@dataclass(frozen=True)
class Fate:
    """What came of one kill."""

    point: Point
    journal: int
    """Lines that the journal had."""
    code: int | None
    """The run's exit code if it was over before its point came, and nothing was killed; else None."""
    begun_s: float
    """From the kill until every undo had begun, in seconds; 0 when no lease was left to undo."""
    undone_s: float
    """From the kill until every fault was undone, in seconds: later by what the undos take. 0 as above."""
    left: tuple[str, ...]
    """What is still different from before when the time is over."""


def short(drill: str, folder: Path, renew_within_s: int = RENEW_WITHIN_S) -> Path:
    """The drill with little watching, and how often its leases have to be renewed. Nothing else of it is changed."""
    plan = yaml.safe_load((PROJECT.drills / f"{drill}.yml").read_text())
    plan |= {"steady_s": 1, "settle_s": 1, "renew_within_s": renew_within_s, "steady_state": ["endpoint"]}
    plan["probe"] = {"rate_hz": 5, "stream_rate_hz": 0}  # what the kill meets is the fault, not the clients
    path = folder / f"{drill}.yml"
    path.write_text(yaml.safe_dump(plan))
    return path


def kill_at(point: Point, before: Snapshot, folder: Path) -> Fate:
    """Start the drill, kill its runner with SIGKILL, then only look.

    On a machine that starves the service a run breaks nothing and ends as inconclusive: then it is started again.
    """
    for number in range(TRIES):
        (tried := folder / str(number)).mkdir()
        fate = _kill_at(point, before, tried)
        if fate.code != INCONCLUSIVE:
            break
    return fate


def _kill_at(point: Point, before: Snapshot, folder: Path) -> Fate:
    runs = folder / "runs"
    with (folder / "said").open("wb") as said:
        run = subprocess.Popen(
            command("run", short(point.drill, folder), "--runs", runs), cwd=PROJECT.root, stdout=said, stderr=said
        )
    try:
        reached = _reached(point, run, runs)
    finally:
        killed = time.monotonic()
        with contextlib.suppress(ProcessLookupError):
            os.kill(run.pid, signal.SIGKILL)
        run.wait()
    lines = _lines(runs)
    begun, undone = _undone(killed) if reached else (0.0, 0.0)
    left = (*left_behind(before), *until_both_serve())
    return Fate(point, lines, None if reached else run.returncode, begun, undone, left)


def until_both_serve() -> tuple[str, ...]:
    """Wait until every replica is in the pool, so that every kill meets the same service; undrain what is drained.

    Returns who does not serve all the same.

    A recovery that died with its runner has left its target drained. That is no fault's doing and no target can know of
    it; `drill_runner resume` would have ended the recovery.
    """
    deadline = time.monotonic() + CLEAN_WITHIN_S
    while (states := set(pool().values())) != {"UP"}:
        if "DRAIN" in states or time.monotonic() > deadline:
            program = str(Path(command()[0]).with_name("ansible-playbook"))
            playbook = [program, "-i", str(PROJECT.lab_inventory), "playbooks/undrain.yml"]
            done = subprocess.run(playbook, cwd=PROJECT.root, check=False, capture_output=True)
            return tuple(f"pool: {name} is {now}" for name, now in pool().items() if now != "UP" or done.returncode)
        time.sleep(0.2)
    return ()


def pool() -> dict[str, str]:
    """What the load balancer thinks of each replica."""
    with urllib.request.urlopen(ENDPOINT["pool_stats_url"], timeout=60) as answer:  # noqa: S310 the lab's own
        return parse(answer.read().decode(), ENDPOINT["pool_backend"])


def _reached(point: Point, run: "subprocess.Popen[bytes]", runs: Path) -> bool:
    started, journal_began = time.monotonic(), 0.0
    while run.poll() is None and time.monotonic() - started < RUN_WITHIN_S:
        lines = _lines(runs)
        if point.line is not None and lines >= point.line:
            return True
        # Before its first line the runner only reads; on a busy machine that takes as long as the drill.
        journal_began = journal_began or (time.monotonic() if lines else 0.0)
        if point.line is None and journal_began and time.monotonic() - journal_began >= point.seconds:
            return True
        time.sleep(0.005)
    return False


def _lines(runs: Path) -> int:
    return sum(path.read_bytes().count(b"\n") for path in runs.glob("2*/journal.jsonl"))


def _undone(killed: float) -> tuple[float, float]:
    """Seconds from then until every undo had begun and until none was left to end, or until the patience was over.

    An undo that was over before it was seen to have begun counts as begun when it was over, and one that was under way
    already as begun then.
    """
    offset = time.time() - time.monotonic()  # hosts of the lab have this machine's clock
    undone_s = 0.0
    begun: dict[str, float] = {}
    waiting: set[str] = set()
    while (leases := _leases()) is None or leases:
        undone_s = time.monotonic() - killed
        if leases is not None:
            begun |= dict.fromkeys(waiting - leases.keys() - begun.keys(), undone_s)
            begun |= {name: at - offset - killed for name, at in leases.items() if at is not None}
            waiting |= leases.keys()
        if undone_s > CLEAN_WITHIN_S:
            break
        time.sleep(LOOK_EVERY_S)
    if waiting:
        undone_s = time.monotonic() - killed
    latest = max((begun.get(name, undone_s) for name in waiting), default=undone_s)
    return max(0.0, latest), undone_s


def _leases() -> dict[str, float | None] | None:
    """When the undo of each lease began, in s since 1970; None for one that waits. None when a host does not run."""
    elsewhere = look_for_leases()
    return None if elsewhere is None else _in(LEASES) | elsewhere


def look_for_leases() -> dict[str, float | None] | None:
    """The same for the leases on the lab's hosts.

    Read through their file systems, many times a second: a look by SSH takes seconds on a busy machine, and every
    undo would look later than it was.
    """
    here: dict[str, float | None] = {}
    for name in HOSTS:
        root = _root(name)
        if root is None:
            return None
        here |= _in(root / "var/lib/drill-lease")
    return here


def _in(base: Path) -> dict[str, float | None]:
    """Those that are undone are left out: one says so before it is taken to pieces."""
    found: dict[str, float | None] = {}
    with contextlib.suppress(FileNotFoundError):
        for folder in base.iterdir():
            with contextlib.suppress(FileNotFoundError):
                if folder.stat() and not (folder / "ended").exists():
                    ending = folder / "ending"
                    found[folder.name] = ending.stat().st_mtime if ending.exists() else None
    return found


_PIDS: dict[str, str] = {}
"""Of the first process of each host, while it runs."""


def _root(name: str) -> Path | None:
    """The root of a host's file system as its first process sees it; None when the host does not run."""
    for asked in (False, True):
        if asked:
            inspect = ["podman", "inspect", "--format", "{{.State.Pid}}", f"{LAB}-{name}"]
            _PIDS[name] = subprocess.run(inspect, capture_output=True, text=True, check=False).stdout.strip()
        root = Path("/proc", _PIDS.get(name) or "0", "root")
        with contextlib.suppress(OSError):
            if (root / "etc/hostname").read_text().strip() == name:  # no other process has got its number
                return root
    return None


def left_behind(before: Snapshot) -> list[str]:
    """What is still different from before when the hosts have had the time to put it right."""
    deadline = time.monotonic() + CLEAN_WITHIN_S
    while True:
        left = differences(before, look())
        if not left or time.monotonic() > deadline:
            return left
        time.sleep(1)
