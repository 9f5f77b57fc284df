"""Is this host ready to serve?"""

from __future__ import annotations

import subprocess
import time

from llm_server_verify.answers import NoAnswerError, WrongAnswerError, ask_for_a_token
from llm_server_verify.verdict import UP, read_verdict, uptime_s


def wait(timeout_s: float, *, need_verdict: bool) -> str | None:
    """Until the unit is active, a token came, and the verdict is `up`. What is in the way when the time is over."""
    deadline = time.monotonic() + timeout_s
    while problem := unready(need_verdict=need_verdict):
        if time.monotonic() > deadline:
            return f"not ready after {timeout_s:g} s: {problem}"
        time.sleep(0.2)
    return None


def unready(*, need_verdict: bool) -> str | None:
    """Why this host does not serve, if it does not."""
    unit = show("llm-server.service")
    if unit["ActiveState"] != "active":
        return f"llm-server.service is {unit['ActiveState']}"
    try:
        ask_for_a_token()
    except (WrongAnswerError, NoAnswerError) as error:
        return f"no token: {error}"
    if not need_verdict:
        return None
    verdict = read_verdict()
    if verdict is None or verdict.word != UP:
        return f"the verdict is {verdict.word if verdict else 'not there yet'}"
    # A word from before the engine's or the checker's start says nothing about what serves now.
    started_us = max(int(found["ActiveEnterTimestampMonotonic"]) for found in (unit, show("llm-server-verify.service")))
    asleep_s = uptime_s() - time.monotonic()
    if not verdict.judged or verdict.at_s < started_us / 1e6 + asleep_s:
        return "the verdict is from before this start"
    return None


def show(unit: str) -> dict[str, str]:
    """State of a systemd unit."""
    command = ["systemctl", "show", unit, "--property=ActiveState,ActiveEnterTimestampMonotonic"]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    return dict(line.split("=", maxsplit=1) for line in lines)
