"""Lowers the memory limit of one control group until the kernel's OOM killer has acted in it; with cgroup v2 and v1.

With v2 a limit below what is used brings the OOM killer at once. v1 refuses such a limit: there it is lowered to what
is used, and a small process joins the group and asks for more. The OOM killer takes the biggest, which is the engine.
"""

import contextlib
import ctypes
import json
import mmap
import os
import signal
import sys
import threading
import time
from dataclasses import asdict, dataclass
from pathlib import Path

STATE = Path(os.environ["DRILL_LEASE_STATE"], "group.json")
KILLS = Path(os.environ["DRILL_LEASE_STATE"], "kills")
CGROUPS = Path("/sys/fs/cgroup")
PERIOD_S = 0.02
COUNT_PERIOD_S = 0.002
"""The count goes with the control group, which podman removes soon after the engine's death."""
LEAST_BYTES = 1 << 20
"""Less than any engine can live with."""
ROOM_BYTES = 64 << 20
"""What the one who asks for memory asks for at most. The first page beyond the limit is enough."""
PR_SET_PDEATHSIG = 1


class SqueezeError(Exception):
    """Why it was not done."""


@dataclass(frozen=True, kw_only=True)
class Group:
    """The engine's control group, and what its limits were."""

    folder: str
    pid: str
    born: str
    limits: dict[str, str]
    """Value by file, in the order in which they may be lowered."""
    usage: str
    """File that says how many bytes are used."""
    events: str
    """File with a line `oom_kill N`."""
    kills: int
    """N, before."""

    def path(self, name: str) -> Path:
        """One of its files."""
        return Path(self.folder, name)

    def killed(self) -> int:
        """How often the OOM killer has acted since."""
        return oom_kills(self.path(self.events)) - self.kills

    def lives(self) -> bool:
        """Whether the engine that was found is still there; a zombie is not."""
        return born(self.pid) == self.born


def born(pid: str) -> str:
    """When the process was started: the number alone could be another's by now. Empty when it is gone."""
    try:
        fields = Path("/proc", pid, "stat").read_text().rpartition(") ")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return ""
    return "" if fields[0] in "ZX" else fields[19]


def oom_kills(path: Path) -> int:
    """The kernel's own count of processes that its OOM killer has ended in the group."""
    counts = dict(line.split() for line in path.read_text().splitlines())
    return int(counts["oom_kill"])


def refuse_shared(folder: Path, pid: str) -> None:
    """Whoever is in the group gets less memory, so nobody may be but the container."""
    container = Path("/proc", pid, "ns/pid").readlink()
    if container == Path("/proc/self/ns/pid").readlink():
        raise SqueezeError(f"process {pid} is in no container: its limit could be everybody's")
    for member in (folder / "cgroup.procs").read_text().split():
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it has just ended
            if Path("/proc", member, "ns/pid").readlink() != container:
                raise SqueezeError(f"process {member}, which is not of the container, is in {folder} too")


def find(pid: str) -> None:
    """Learn where the limit is, and keep what it is."""
    lines = Path("/proc", pid, "cgroup").read_text().splitlines()
    groups = {name: path for _, names, path in (line.split(":", 2) for line in lines) for name in names.split(",")}
    if "memory" in groups:
        folder = CGROUPS / "memory" / groups["memory"].lstrip("/")
        wanted = ("memory.limit_in_bytes", "memory.memsw.limit_in_bytes")
        usage, events = "memory.usage_in_bytes", "memory.oom_control"
    else:
        folder = CGROUPS / groups[""].lstrip("/")
        wanted = ("memory.swap.max", "memory.max")
        usage, events = "memory.current", "memory.events"
    limits = {name: (folder / name).read_text().strip() for name in wanted if (folder / name).exists()}
    if not limits:
        raise SqueezeError(f"{folder} has no memory limit to lower: is the memory controller enabled for it?")
    refuse_shared(folder, pid)
    group = Group(
        folder=str(folder),
        pid=pid,
        born=born(pid),
        limits=limits,
        usage=usage,
        events=events,
        kills=oom_kills(folder / events),
    )
    STATE.write_text(json.dumps(asdict(group)))


def kept() -> Group:
    """What was found."""
    return Group(**json.loads(STATE.read_text()))


def lower(group: Group) -> None:
    """As far as the kernel lets us now."""
    for name in group.limits:
        for value in (LEAST_BYTES, int(group.path(group.usage).read_text())):
            try:
                group.path(name).write_text(str(value))
            except OSError:  # v1: that much is in use and cannot be reclaimed
                continue
            break


def press(group: Group, done: threading.Event) -> None:
    """Lower the limit for as long as there is one, until it is done."""
    with contextlib.suppress(OSError):
        while not done.is_set():
            lower(group)
            done.wait(PERIOD_S)


def ask(group: Group) -> None:
    """Join the group and use more and more of it, a page at a time. The limit bounds it as it bounds the engine."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    group.path("cgroup.procs").write_text(str(os.getpid()))
    room = mmap.mmap(-1, ROOM_BYTES, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    for at in range(0, len(room), mmap.PAGESIZE):
        room[at] = 1
        time.sleep(COUNT_PERIOD_S)


def asker(group: Group) -> int | None:
    """The process that asks for memory; none with v2, which needs none."""
    if "memory.max" in group.limits:
        return None
    child = os.fork()
    if child == 0:
        with contextlib.suppress(OSError):  # the group went away
            ask(group)
        os._exit(0)
    return child


def squeeze() -> None:
    """Break, until the OOM killer has acted. A write may wait for the kernel to reclaim, so another thread counts."""
    group = kept()
    if not group.lives():
        raise SqueezeError("the engine was restarted since the lease was armed: arm a new one")
    asking, done = asker(group), threading.Event()
    pressing = threading.Thread(target=press, args=[group, done], daemon=True)
    pressing.start()
    try:
        while not (killed := group.killed()):
            time.sleep(COUNT_PERIOD_S)
    except OSError:
        raise SqueezeError("the engine's control group went away, and not by the OOM killer") from None
    finally:
        if asking is not None:
            os.kill(asking, signal.SIGKILL)
        done.set()
    KILLS.write_text(str(killed))
    pressing.join()


def proof() -> None:
    """Exit with 0 when the OOM killer has ended the engine."""
    group = kept()
    if not KILLS.exists():
        raise SqueezeError("the OOM killer has not acted")
    if group.lives():
        raise SqueezeError(f"the OOM killer has acted, and process {group.pid}, the engine, is still there")
    sys.stdout.write(f"the kernel's OOM killer has acted, and process {group.pid}, the engine, is gone\n")


def restore() -> None:
    """Repair, if the group is still there: it goes with its container."""
    group = kept()
    for name, value in reversed(group.limits.items()):
        with contextlib.suppress(FileNotFoundError):
            group.path(name).write_text(value)


if __name__ == "__main__":
    try:
        verb, *words = sys.argv[1:]
        if verb == "find":
            find(words[0])
        else:
            {"squeeze": squeeze, "proof": proof, "restore": restore}[verb]()
    except SqueezeError as why:
        sys.exit(str(why))
