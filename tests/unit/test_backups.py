"""How fresh backups are, as hosts tell it: one word for each kind of data, and the worst first."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
from rich.console import Console

from drill_runner.model.backup import Backup, State
from drill_runner.report.backups_text import duration, show_backups

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
GOOD = Backup(
    host="gpu1", kind="weights", rpo_s=3600, last_success_utc=NOW - timedelta(minutes=20), snapshot="0123456789abcdef",
    files=2, bytes=98_362_432, duration_s=1.25,
)  # fmt: skip


@pytest.mark.parametrize(
    ("backup", "state"),
    [
        (GOOD, "fresh"),
        (replace(GOOD, last_success_utc=NOW - timedelta(seconds=3600)), "fresh"),
        (replace(GOOD, last_success_utc=NOW - timedelta(seconds=3601)), "overdue"),
        (replace(GOOD, last_success_utc=None), "never"),
        (replace(GOOD, last_error="the repository cannot be reached"), "failing"),
        (replace(GOOD, copy_error="the second repository is full"), "failing"),
        (replace(GOOD, verify_error="pack 12ab is damaged"), "failing"),
        (replace(GOOD, last_success_utc=None, last_error="no"), "failing"),
    ],
)
def test_one_word_for_each(backup: Backup, state: State):
    assert backup.state(NOW) == state


def test_the_worst_comes_first_and_says_why():
    out = StringIO()
    overdue = replace(GOOD, host="gpu2", last_success_utc=NOW - timedelta(hours=30))
    failing = replace(GOOD, host="lb1", kind="ledger", last_error="the repository is full")
    show_backups([GOOD, overdue, failing], Console(file=out, width=160), NOW)
    lines = [line.rstrip() for line in out.getvalue().splitlines() if line.strip()]
    assert [line.split()[0] for line in lines[2:5]] == ["lb1", "gpu2", "gpu1"]
    assert " ".join(lines[4].split()) == "gpu1 weights fresh 20 min 1.0 h 98.4 MB 1.2 s - - 01234567"
    assert lines[3].split()[2:6] == ["overdue", "1.2", "d", "1.0"]
    assert lines[5] == "lb1, ledger: the repository is full"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (59, "59 s"), (60, "1 min"), (3599, "60 min"), (3600, "1.0 h"), (40000, "11.1 h"), (86400, "1.0 d")],
)
def test_durations(seconds: float, text: str):
    assert duration(seconds) == text
