"""The module in the hands of an Ansible that is told to end."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TextIO

import pytest

from plugins.module_utils.lease import Lease, uptime_s
from tests.waiting import PATIENCE_S, wait_until

pytestmark = pytest.mark.slow  # starts processes and waits for them

ANSIBLE = Path(sys.executable).with_name("ansible")


@pytest.fixture
def lease(tmp_path: Path) -> Iterator[Lease]:
    made = Lease(tmp_path / "base", "one")
    yield made
    if made.exists():
        arguments = {"id": made.id, "state": "absent", "base": str(made.base)}
        subprocess.run(asking(arguments), check=True, capture_output=True)


def asking(arguments: Mapping[str, str]) -> list[str | Path]:
    return [ANSIBLE, "localhost", "-c", "local", "-m", "fault_lease", "-a", json.dumps(arguments)]


def arming(lease: Lease, prepare: str, renew_within_s: float, proof: str = "true") -> list[str | Path]:
    return asking(
        {
            "id": lease.id,
            "state": "armed",
            "fault": "simulated",
            "host": "h1",
            "limit_s": str(10 * PATIENCE_S),  # ends nothing that something else should have ended
            "renew_within_s": str(renew_within_s),
            "base": str(lease.base),
            "keeper": "process",
            "inject": "true",
            "undo": "true",
            "proof": proof,
            "prepare": prepare,
        }
    )


def once_it_is_read(pipe: Path) -> TextIO:
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            return os.fdopen(os.open(pipe, os.O_WRONLY | os.O_NONBLOCK), "w")
        except OSError:
            assert time.monotonic() < deadline, "nobody reads"
            time.sleep(0.01)


def test_an_arming_on_the_controller_that_is_told_to_end_is_completed(lease: Lease, tmp_path: Path) -> None:
    """As when the runner is killed while it arms a fault that takes its target away.

    ansible-playbook sends SIGTERM to all processes of the task then. Half a lease would have nobody to end it.
    """
    preparing, go_on = tmp_path / "preparing", tmp_path / "go_on"
    prepare = f"touch {preparing}; while [ ! -e {go_on} ]; do sleep 0.01; done"
    with subprocess.Popen(arming(lease, prepare, 1)) as controller:
        try:
            wait_until(preparing.exists)
            controller.send_signal(signal.SIGTERM)
            controller.wait(PATIENCE_S)
        finally:
            controller.kill()
            go_on.touch()
    # Nobody renews it: where its keeper was started, it is gone soon.
    wait_until(lambda: not lease.exists())


def test_what_takes_long_on_the_target_does_not_let_the_fault_outlive_its_controller(
    lease: Lease, tmp_path: Path
) -> None:
    """The controller may have died right after it had asked: its time counts from then on, not from the end."""
    asked = tmp_path / "asked"
    subprocess.run(
        arming(lease, f"cut -d ' ' -f 1 /proc/uptime > {asked}; sleep 1", 50), check=True, capture_output=True
    )
    assert lease.until() / 100 - 50 <= float(asked.read_text()) + 0.01


def test_neither_does_a_proof_that_takes_long_before_the_break(lease: Lease, tmp_path: Path) -> None:
    asked, broken = tmp_path / "asked", tmp_path / "broken"
    first = f"cut -d ' ' -f 1 /proc/uptime > {asked}; sleep 1; touch {broken}; false"
    subprocess.run(
        arming(lease, "true", 50, proof=f"test -e {broken} || {{ {first}; }}"), check=True, capture_output=True
    )
    armed_until = lease.until()
    hold = {"id": lease.id, "state": "held", "base": str(lease.base)}
    subprocess.run(asking(hold), check=True, capture_output=True)
    assert lease.until() > armed_until
    assert lease.until() / 100 - 50 <= float(asked.read_text()) + 0.01


def test_nor_a_renewal_that_takes_long(lease: Lease) -> None:
    """It meets another lease first, whose terms come slowly."""
    subprocess.run(arming(lease, "true", 50), check=True, capture_output=True)
    armed_until = lease.until()
    slow = lease.base / "before"
    slow.mkdir()
    os.mkfifo(slow / "lease.json")
    terms = (lease.folder / "lease.json").read_text()
    with subprocess.Popen(asking({"run": "by hand", "state": "renewed", "base": str(lease.base)})) as renewal:
        try:
            with once_it_is_read(slow / "lease.json") as out:
                asked = uptime_s()
                time.sleep(1)
                out.write(terms.replace("by hand", "another run"))
            assert renewal.wait(PATIENCE_S) == 0
        finally:
            renewal.kill()
    assert lease.until() > armed_until
    assert lease.until() / 100 - 50 <= asked + 0.01
