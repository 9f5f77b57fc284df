"""Freezes one thread of a process, for as long as this program lives.

A traced thread goes on when its tracer ends, however that ends: the kernel sees to it. So the undo cannot be lost.
"""

import ctypes
import json
import os
import signal
import sys
import time
from pathlib import Path

STATE = Path(os.environ["DRILL_LEASE_STATE"], "thread.json")
HOLDER = Path(os.environ["DRILL_LEASE_STATE"], "holder")
PATIENCE_S = 10.0

PTRACE_SEIZE = 0x4206
PTRACE_INTERRUPT = 0x4207
WALL = 0x40000000
"""__WALL: threads are waited for as well, not only processes."""

LIBC = ctypes.CDLL(None, use_errno=True)
LIBC.ptrace.argtypes = (ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p)
LIBC.ptrace.restype = ctypes.c_long


class StallError(Exception):
    """Why it was not done."""


def say(text: str) -> None:
    """Tell the lease's log."""
    sys.stdout.write(text + "\n")


def stat(task: Path) -> list[str]:
    """The fields of `/proc/…/stat` after the name, from the state on; none when there is no such thread any more."""
    try:
        return (task / "stat").read_text().rpartition(") ")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []


def cpu_ticks(fields: list[str]) -> int:
    """User and system time together, in clock ticks."""
    return int(fields[11]) + int(fields[12])


def born(fields: list[str]) -> str:
    """When it was started: the number alone could be another thread's by now."""
    return fields[19]


def companions(pid: str) -> list[Path]:
    """Every process in the container of `pid`: engines may work in another process than the one that was started."""
    inside = Path("/proc", pid, "ns/pid").readlink()
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if (process / "ns/pid").readlink() == inside:
                found.append(process)
        except OSError:  # it ends, or is not ours to look at, so not ours to freeze
            continue
    return found


def find(pid: str) -> None:
    """Choose the thread that has used the most CPU time."""
    tasks = [task for process in companions(pid) for task in process.glob("task/[0-9]*")]
    known = [(fields, task) for task in tasks if (fields := stat(task))]
    fields, busiest = max(known, key=lambda item: cpu_ticks(item[0]))
    STATE.write_text(json.dumps({"task": str(busiest), "born": born(fields)}))


def chosen() -> tuple[Path, list[str]]:
    """The thread, and its fields now; none when it is gone."""
    kept = json.loads(STATE.read_text())
    task = Path(kept["task"])
    fields = stat(task)
    return task, fields if fields and born(fields) == kept["born"] else []


def ptrace(request: int, thread: int) -> None:
    """Call the kernel."""
    if LIBC.ptrace(request, thread, None, None) != 0:
        code = ctypes.get_errno()
        raise StallError(f"ptrace request {request:#x} of thread {thread}: {os.strerror(code)}")


def hold() -> None:
    """Break, until killed. Ends as well when the thread does: a zombie that nobody waits for would keep its process."""
    task, fields = chosen()
    if not fields:
        raise StallError(f"{task} has ended since the lease was armed: arm a new one")
    thread = int(task.name)
    ptrace(PTRACE_SEIZE, thread)
    ptrace(PTRACE_INTERRUPT, thread)
    beside = HOLDER.with_suffix(".new")
    beside.write_text(f"{os.getpid()} {born(stat(Path('/proc/self')))}")
    beside.rename(HOLDER)  # whole or not there: one that was killed here holds nothing any more
    while True:
        _, status = os.waitpid(thread, WALL)
        if not os.WIFSTOPPED(status):
            say(f"{task} has ended while it was frozen")
            return


def is_frozen() -> bool:
    """The kernel's word: stopped by a tracer."""
    _, fields = chosen()
    return bool(fields) and fields[0] == "t"


def wait(holder: str) -> None:
    """Exit with 0 once the thread is frozen, so that a holder that fails fails the inject."""
    deadline = time.monotonic() + PATIENCE_S
    while not is_frozen():
        if time.monotonic() > deadline or stat(Path("/proc", holder))[:1] in ([], ["Z"]):
            raise StallError("the thread was not frozen")
        time.sleep(0.01)


def frozen() -> None:
    """Exit with 0 when the thread is frozen."""
    task, _ = chosen()
    if not is_frozen():
        raise StallError(f"{task} is not frozen")
    say(f"{task}, the busiest thread of the engine, is frozen")


def release() -> None:
    """Repair. Exit with 0 when the thread is free or gone."""
    if HOLDER.exists():
        pid, since = HOLDER.read_text().split()
        fields = stat(Path("/proc", pid))
        if fields and born(fields) == since:
            os.kill(int(pid), signal.SIGKILL)
    deadline = time.monotonic() + PATIENCE_S
    while is_frozen():
        if time.monotonic() > deadline:
            raise StallError(f"{chosen()[0]} is still frozen")
        time.sleep(0.01)


def main(verb: str, *words: str) -> None:
    """Do what the first word says."""
    if verb in ("find", "wait"):
        {"find": find, "wait": wait}[verb](words[0])
    else:
        {"hold": hold, "frozen": frozen, "release": release}[verb]()


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except StallError as why:
        sys.exit(str(why))
