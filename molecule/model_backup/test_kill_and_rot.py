"""What a host may do to a backup, many times over: killed at random moments, and bits that rot in the repository.

The programs in on_host/ do it on the host, with weights and repositories of their own. `make torture-backups` asks for
more.
"""

import json
import os
from pathlib import Path
from typing import Any

import pytest

testinfra_hosts = ["ansible://gpu1"]

PROGRAMS = Path(__file__).parent / "on_host"
THERE = "/srv/test-backup-on-host"
SEED = 20261124
MANY = "BACKUP_TORTURE" in os.environ
KILLS, FLIPS = (20, 100) if MANY else (11, 28)


@pytest.fixture
def run(host):
    with host.sudo():
        host.run(f"mkdir -p {THERE}")
        for program in PROGRAMS.glob("*.py"):
            assert host.run(f"cat > {THERE}/{program.name} <<'END'\n{program.read_text()}\nEND").rc == 0

        def on_host(command: str) -> dict[str, Any]:
            done = host.run(f"python3 {THERE}/{command}")
            assert done.rc == 0, done.stderr
            return dict(json.loads(done.stdout))

        yield on_host
        host.run(f"rm -r {THERE} /srv/test-backup-kill /srv/test-backup-rot")


@pytest.mark.parametrize("what", ["backup", "restore"])
def test_a_kill_at_any_moment_loses_nothing_and_the_next_run_completes(run, what):
    assert run(f"kill.py {what} {KILLS} {SEED}")["killed"] == KILLS, "too many had ended before they were killed"


def test_a_restore_that_was_cut_off_takes_only_the_rest(run):
    assert run(f"kill.py resume 2 {SEED}")["killed"] == 2


def test_every_bit_that_rots_is_found(run):
    """In weights, in their manifest, and in each kind of restic's files."""
    ended = run(f"rot.py {FLIPS} {SEED}")
    assert ended["missed"] == []
    assert min(ended["found"].values()) == FLIPS // 7
    assert sum(ended["found"].values()) == FLIPS
