"""Being woken in time: the less late a probe, the narrower the bounds."""

import contextlib
import gc
import os

NICE = -10
REAL_TIME = 1
"""The lowest of the real-time priorities: before all ordinary work, after whatever else is real-time."""


def go_first() -> None:
    """Ask the kernel to wake this process before other work, as far as it may be asked; it works without, too.

    The observer needs a few hundredths of a core, but at its own time. Real-time needs root or CAP_SYS_NICE, and the
    kernel keeps a twentieth of every second for others even from a program that never sleeps. What this process starts
    is ordinary again.
    """
    try:
        os.sched_setscheduler(0, os.SCHED_RR | os.SCHED_RESET_ON_FORK, os.sched_param(REAL_TIME))
    except (OSError, AttributeError):  # not permitted, or a system without it
        with contextlib.suppress(PermissionError):
            os.setpriority(os.PRIO_PROCESS, 0, NICE)


def is_real_time() -> bool:
    """Whether the kernel let it."""
    return hasattr(os, "sched_getscheduler") and bool(os.sched_getscheduler(0) & os.SCHED_RR)


def never_pause() -> None:
    """Take all that was imported out of the garbage collector's sight: else it stops everything to look through it."""
    gc.collect()
    gc.freeze()
