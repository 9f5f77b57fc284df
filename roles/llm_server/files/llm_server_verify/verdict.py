"""The word that stands for this host, for the load balancer's agent check."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

VERDICT = Path("/run/llm-server/verdict")
UP = "up"


def uptime_s() -> float:
    """The clock that `agent` reads in /proc/uptime; it does not jump."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What the load balancer is told."""

    word: str
    at_s: float
    """Of the clock that `uptime_s` reads."""
    judged: bool
    """The engine answered at that time; otherwise an earlier word was kept."""


def read_verdict() -> Verdict | None:
    """The verdict that stands, if any."""
    try:
        word, at_s, how = VERDICT.read_text().splitlines()
    except (FileNotFoundError, ValueError):
        return None
    return Verdict(word=word, at_s=float(at_s), judged=how == "judged")


def write_verdict(word: str, *, judged: bool) -> None:
    """Put the word and its time in place as one."""
    fresh = VERDICT.with_suffix(".new")
    fresh.write_text(f"{word}\n{uptime_s():.2f}\n{'judged' if judged else 'kept'}\n")
    fresh.replace(VERDICT)
