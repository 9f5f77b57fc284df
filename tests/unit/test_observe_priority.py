"""The observer asks to be woken first, takes what it is given, and gives none of it to what it starts."""

import os
import subprocess
import sys

import pytest

from drill_runner.observe import priority

TELL = "import os; print(os.sched_getscheduler(0))"
STARTS = f"""
import subprocess, sys
from drill_runner.observe.priority import go_first
go_first()
subprocess.run([sys.executable, "-c", {TELL!r}], check=True)
"""


def test_what_it_starts_is_ordinary():
    done = subprocess.run([sys.executable, "-c", STARTS], capture_output=True, text=True, check=True)
    assert int(done.stdout) == os.SCHED_OTHER


@pytest.mark.parametrize("refused", [PermissionError(1, "not permitted"), AttributeError("no such call")])
def test_where_real_time_is_refused_it_is_nice(monkeypatch: pytest.MonkeyPatch, refused: Exception):
    asked: list[tuple[int, ...]] = []

    def refuse(*_: object) -> None:
        raise refused

    monkeypatch.setattr(os, "sched_setscheduler", refuse)
    monkeypatch.setattr(os, "setpriority", lambda *given: asked.append(given))
    priority.go_first()
    assert asked == [(os.PRIO_PROCESS, 0, priority.NICE)]


def test_where_everything_is_refused_it_works_all_the_same(monkeypatch: pytest.MonkeyPatch):
    def refuse(*_: object) -> None:
        raise PermissionError(1, "not permitted")

    monkeypatch.setattr(os, "sched_setscheduler", refuse)
    monkeypatch.setattr(os, "setpriority", refuse)
    priority.go_first()
    assert not priority.is_real_time()
