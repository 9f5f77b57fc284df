"""A host that was told to reboot is on again in the end, wherever it was cut short. The power switch is played."""

import socket
import subprocess
import sys
import time
from pathlib import Path

import jinja2
import pytest
import yaml

ROLE = Path(__file__).resolve().parents[2] / "roles/fault_host_reboot"
PATIENCE_S = 20
SWITCH = {
    "is_on": 'case "$(cat "$HOST/power")" in\n  on) exit 0 ;;\n  off) exit 1 ;;\n  *) exit 2 ;;\nesac\n',
    "switch_on": "echo on \\\n  >\"$HOST/power\"; echo on >>\"$HOST/did\"\n",
    "switch_off": "echo off \\\n  >\"$HOST/power\"; echo off >>\"$HOST/did\"\n",
    "shut_down": 'echo asked >>"$HOST/did"',
}  # fmt: skip


class Host:
    """A power switch, the lease's folder, and the scripts as Ansible would write them."""

    def __init__(self, folder: Path, how: str = "orderly") -> None:
        self.folder, self.state = folder, folder / "state"
        self.state.mkdir()
        (self.state / "silent.py").write_text((ROLE / "files/silent.py").read_text())
        self.port = 9  # nobody listens there
        self.turn("on")
        self.variables: dict[str, object] = {"host_power_scripts": SWITCH, "fault_host_reboot_how": how}
        for name, value in yaml.safe_load((ROLE / "vars/main.yml").read_text()).items():
            if isinstance(value, str):
                self.variables[name] = jinja2.Template(value, keep_trailing_newline=True).render(self.variables)

    def turn(self, power: str) -> None:
        (self.folder / "power").write_text(power)

    def power(self) -> str:
        return (self.folder / "power").read_text().strip()

    def did(self) -> list[str]:
        path = self.folder / "did"
        return path.read_text().split() if path.exists() else []

    def start(self, script: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            ["sh", "-eu", "-c", str(self.variables[f"__fault_host_reboot_{script}"])],
            env={
                "PATH": "/usr/bin:/bin",
                "HOST": str(self.folder),
                "DRILL_LEASE_STATE": str(self.state),
                "DRILL_LEASE_PYTHON": sys.executable,
                "ADDRESS": "127.0.0.1",
                "PORT": str(self.port),
                "DARK_S": "0.2",
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, script: str) -> tuple[int, str]:
        process = self.start(script)
        said, _ = process.communicate(timeout=PATIENCE_S)
        return process.returncode, said

    def wait_for(self, *did: str) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while self.did() != list(did):
            assert time.monotonic() < deadline, self.did()
            time.sleep(0.01)


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


@pytest.fixture
def told(host: Host) -> Host:
    """A host that was told to shut down and takes its time, and an inject that was killed meanwhile."""
    inject = host.start("inject")
    host.wait_for("asked")
    inject.kill()
    inject.communicate(timeout=PATIENCE_S)
    return host


@pytest.mark.parametrize("power", ["off", "unknown"])
def test_a_host_that_is_not_on_is_not_armed(host, power):
    host.turn(power)
    code, said = host.run("prepare")
    assert code != 0
    assert "instead of 0, which is on" in said


def test_an_orderly_reboot_waits_for_the_host(host):
    assert host.run("prepare")[0] == 0
    inject = host.start("inject")
    host.wait_for("asked")
    assert inject.poll() is None
    host.turn("off")
    assert inject.communicate(timeout=PATIENCE_S)[0] == ""
    assert (inject.returncode, host.power(), host.did()) == (0, "on", ["asked", "on"])


def test_a_reset_asks_nobody(tmp_path):
    host = Host(tmp_path, how="reset")
    assert host.run("inject") == (0, "")
    assert (host.power(), host.did()) == ("on", ["off", "on"])


def test_only_darkness_is_proof(host):
    assert "which is off" in host.run("proof")[1]
    host.turn("off")
    assert host.run("proof")[0] == 0
    with socket.create_server(("127.0.0.1", 0)) as server:
        host.port = server.getsockname()[1]
        code, said = host.run("proof")
    assert code != 0
    assert "still answers" in said


def test_undo_before_anything_was_done_does_nothing(host):
    assert host.run("undo") == (0, "")
    assert host.did() == []


def test_undo_does_not_leave_a_host_that_is_on_its_way_down(told):
    assert told.run("undo")[0] == 0
    assert (told.power(), told.did()) == ("on", ["asked", "off", "on"])
    assert told.run("undo")[0] == 0
    assert told.did() == ["asked", "off", "on"]


def test_undo_switches_on_a_host_that_went_unseen(told):
    told.turn("off")
    assert told.run("undo")[0] == 0
    assert (told.power(), told.did()) == ("on", ["asked", "on"])


def test_undo_after_a_reboot_that_went_well_does_nothing(host):
    inject = host.start("inject")
    host.wait_for("asked")
    host.turn("off")
    inject.communicate(timeout=PATIENCE_S)
    assert host.run("undo") == (0, "")
    assert host.did() == ["asked", "on"]
