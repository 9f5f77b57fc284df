"""Bounds the CPU time of one control group, so that the kernel makes it wait; with cgroup v2 and v1."""

import contextlib
import json
import os
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

STATE = Path(os.environ["DRILL_LEASE_STATE"], "group.json")
CGROUPS = Path("/sys/fs/cgroup")
PERIOD_US = 10_000
"""Short: a neighbour takes the CPU often and for a moment. A thread would wait for most of the kernel's own 100 ms."""
LEAST_US = 1_000
"""The kernel takes no smaller share of a period."""
ENOUGH = 5
"""So many times must the group have waited: once may be a burst at its old limit."""


class StarveError(Exception):
    """Why it was not done."""


@dataclass(frozen=True, kw_only=True)
class Group:
    """The engine's control group, and what its limit was."""

    folder: str
    pid: str
    born: str
    limit: dict[str, str]
    """Value by file, in the order in which they may be lowered."""
    waits: int
    """How often it had been made to wait before."""

    def path(self, name: str) -> Path:
        """One of its files."""
        return Path(self.folder, name)


def born(pid: str) -> str:
    """When the process was started: the number alone could be another's by now. Empty when it is gone or a zombie."""
    try:
        fields = Path("/proc", pid, "stat").read_text().rpartition(") ")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return ""
    return "" if fields[0] in "ZX" else fields[19]


def waits(folder: Path) -> int:
    """In how many periods the kernel has made the group wait for CPU time."""
    return int(dict(line.split() for line in (folder / "cpu.stat").read_text().splitlines())["nr_throttled"])


def cores(limit: dict[str, str]) -> float:
    """How many CPUs a limit lets a group use; all of them when there is none."""
    quota, period = " ".join(limit.values()).split()
    return float("inf") if quota in ("max", "-1") else int(quota) / int(period)


def refuse_shared(folder: Path, pid: str) -> None:
    """Whoever is in the group is starved, so nobody may be but the container."""
    container = Path("/proc", pid, "ns/pid").readlink()
    if container == Path("/proc/self/ns/pid").readlink():
        raise StarveError(f"process {pid} is in no container: its limit could be everybody's")
    for member in (folder / "cgroup.procs").read_text().split():
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it has just ended
            if Path("/proc", member, "ns/pid").readlink() != container:
                raise StarveError(f"process {member}, which is not of the container, is in {folder} too")


def find(pid: str, wanted: float) -> None:
    """Learn where the limit is, and keep what it is."""
    lines = Path("/proc", pid, "cgroup").read_text().splitlines()
    groups = {name: path for _, names, path in (line.split(":", 2) for line in lines) for name in names.split(",")}
    if "cpu" in groups:
        folder, files = CGROUPS / "cpu" / groups["cpu"].lstrip("/"), ("cpu.cfs_quota_us", "cpu.cfs_period_us")
    else:
        folder, files = CGROUPS / groups[""].lstrip("/"), ("cpu.max",)
    if not all((folder / name).exists() for name in files):
        raise StarveError(f"{folder} has no {files[0]}: is the cpu controller enabled for it?")
    refuse_shared(folder, pid)
    limit = {name: (folder / name).read_text().strip() for name in files}
    if cores(limit) <= wanted:
        raise StarveError(f"the engine may use {cores(limit):g} cores already: fault_cpu_contention_cores must be less")
    group = Group(folder=str(folder), pid=pid, born=born(pid), limit=limit, waits=waits(folder))
    STATE.write_text(json.dumps(asdict(group)))


def kept() -> Group:
    """What was found."""
    return Group(**json.loads(STATE.read_text()))


def starve(wanted: float) -> None:
    """Break. The quota comes first: with the longer period it is less still, never more than is allowed."""
    group = kept()
    if born(group.pid) != group.born:
        raise StarveError("the engine was restarted since the lease was armed: arm a new one")
    quota = max(LEAST_US, round(wanted * PERIOD_US))
    values = [f"{quota} {PERIOD_US}"] if "cpu.max" in group.limit else [str(quota), str(PERIOD_US)]
    for name, value in zip(group.limit, values, strict=True):
        group.path(name).write_text(value)


def proof(wanted: float) -> None:
    """Exit with 0 when the kernel makes the engine wait."""
    group = kept()
    try:
        limit = {name: group.path(name).read_text().strip() for name in group.limit}
        times = waits(Path(group.folder)) - group.waits
    except FileNotFoundError:
        raise StarveError("the engine's control group went away with its container") from None
    if limit == group.limit:
        raise StarveError("the engine has all the CPU time that it had")
    if times < ENOUGH:
        raise StarveError(f"the kernel has made the engine wait {times} times")
    sys.stdout.write(f"the engine may use {wanted:g} cores, and the kernel has made it wait {times} times\n")


def restore() -> None:
    """Repair, if the group is still there: it goes with its container."""
    group = kept()
    for name, value in reversed(group.limit.items()):
        with contextlib.suppress(FileNotFoundError):
            group.path(name).write_text(value)


def main(verb: str, *words: str) -> None:
    """Do what the first word says."""
    if verb == "find":
        find(words[0], float(words[1]))
    elif verb == "restore":
        restore()
    else:
        {"starve": starve, "proof": proof}[verb](float(words[0]))


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except StarveError as why:
        sys.exit(str(why))
