"""Keeps a lease on a machine without systemd: holds it until its limit or until it is asked to end, then undoes it.

A program of its own, copied into the lease's folder: it must work when whoever started it is gone. What it does not
survive is its own SIGKILL and the machine's reboot; the next `state: absent` starts another one for the undo then.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

POLL_S = 0.02
RETRY_S = 1.0


def detach(log: Path) -> None:
    """Leave the starter's session and process group, and its open files, for good."""
    if os.fork():
        os._exit(0)
    os.setsid()
    if os.fork():
        os._exit(0)
    null = os.open(os.devnull, os.O_RDONLY)
    out = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    for source, target in ((null, 0), (out, 1), (out, 2)):
        os.dup2(source, target)


def hold(folder: Path) -> None:
    """Run `hold` until `stop` appears or it ends by itself; leave none of its processes behind."""
    holder = subprocess.Popen(["/bin/sh", str(folder / "hold")], start_new_session=True)
    while holder.poll() is None and not (folder / "stop").exists():
        time.sleep(POLL_S)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(holder.pid, signal.SIGKILL)
    holder.wait()


def keep(folder: Path) -> None:
    """Hold if that was not done yet, undo until it worked, remove the folder."""
    signal.signal(signal.SIGTERM, lambda *_: (folder / "stop").touch())
    if not (folder / "started").exists() and not (folder / "stop").exists():
        hold(folder)
    while subprocess.run(["/bin/sh", str(folder / "end")], check=False).returncode != 0:
        time.sleep(RETRY_S)
    while folder.exists():  # whoever renews it at this moment may put a file into it
        shutil.rmtree(folder, ignore_errors=True)


def main() -> None:
    """Args on the command line: the lease's folder."""
    folder = Path(sys.argv[1])
    # Taken before the starter is let go, so that it never looks for a keeper that is only about to be there.
    with (folder / "keeper.lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
        detach(folder / "log")
        os.chdir("/")
        keep(folder)


if __name__ == "__main__":
    main()
