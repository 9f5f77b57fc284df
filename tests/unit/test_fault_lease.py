"""The module in the hands of an Ansible that is told to end."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from plugins.module_utils.lease import Lease

pytestmark = pytest.mark.slow  # starts processes and waits for them

PATIENCE_S = 30.0
ANSIBLE = Path(sys.executable).with_name("ansible")


def wait_until(what: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not what():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)


def test_an_arming_on_the_controller_that_is_told_to_end_is_completed(tmp_path: Path) -> None:
    """As when the runner is killed while it arms a fault that takes its target away.

    ansible-playbook sends SIGTERM to all processes of the task then. Half a lease would have nobody to end it.
    """
    lease = Lease(tmp_path / "base", "one")
    preparing, go_on = tmp_path / "preparing", tmp_path / "go_on"
    arguments = {
        "id": lease.id, "state": "armed", "fault": "simulated", "host": "h1", "limit_s": "60", "renew_within_s": "1",
        "base": str(lease.base), "keeper": "process", "inject": "true", "undo": "true", "proof": "true",
        "prepare": f"touch {preparing}; while [ ! -e {go_on} ]; do sleep 0.01; done",
    }  # fmt: skip
    words = " ".join(f"{name}='{value}'" for name, value in arguments.items())
    with subprocess.Popen([ANSIBLE, "localhost", "-c", "local", "-m", "fault_lease", "-a", words]) as controller:
        try:
            wait_until(preparing.exists)
            controller.send_signal(signal.SIGTERM)
            controller.wait(PATIENCE_S)
        finally:
            controller.kill()
            go_on.touch()
    # Nobody renews it: where its keeper was started, it is gone soon.
    wait_until(lambda: not lease.exists())
