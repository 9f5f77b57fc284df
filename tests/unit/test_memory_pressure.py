"""The program that lowers an engine's memory limit, tried on files laid out as the kernel lays them out.

What the kernel does about the limit is played by the test; the drill of the same name shows the kernel itself.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.waiting import PATIENCE_S, wait_until

SQUEEZE = Path(__file__).resolve().parents[2] / "roles/fault_memory_pressure/files/squeeze.py"
USED = 1 << 16
V1 = {
    "limits": {"memory.limit_in_bytes": "536870912", "memory.memsw.limit_in_bytes": "536870912"},
    "usage": "memory.usage_in_bytes",
    "events": "memory.oom_control",
}
V2 = {
    "limits": {"memory.swap.max": "max", "memory.max": "536870912"},
    "usage": "memory.current",
    "events": "memory.events",
}


class Case:
    """A control group with an engine, and the lease's folder that knows it."""

    def __init__(self, folder: Path, layout: dict[str, object], engine: subprocess.Popen[bytes]) -> None:
        self.group, self.state, self.engine = folder / "group", folder / "state", engine
        self.group.mkdir()
        self.state.mkdir()
        limits = layout["limits"]
        assert isinstance(limits, dict)
        self.limits = limits
        self.events = self.group / str(layout["events"])
        for name, value in self.limits.items():
            (self.group / name).write_text(value)
        (self.group / str(layout["usage"])).write_text(str(USED))
        (self.group / "cgroup.procs").write_text("")
        self.killed(3)
        born = Path(f"/proc/{engine.pid}/stat").read_text().rpartition(") ")[2].split()[19]
        known = layout | {"folder": str(self.group), "pid": str(engine.pid), "born": born, "kills": 3}
        (self.state / "group.json").write_text(json.dumps(known))

    def killed(self, times: int) -> None:
        fresh = self.events.with_suffix(".new")
        fresh.write_text(f"oom 9\noom_kill {times}\n")
        fresh.replace(self.events)

    def now(self) -> dict[str, str]:
        return {name: (self.group / name).read_text() for name in self.limits}

    def start(self, *words: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, str(SQUEEZE), *words],
            env={"DRILL_LEASE_STATE": str(self.state)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *words: str) -> tuple[int, str, str]:
        process = self.start(*words)
        out, err = process.communicate(timeout=PATIENCE_S)
        return process.returncode, out, err


@pytest.fixture
def engine() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(["sleep", "600"]) as engine:
        yield engine
        engine.kill()


@pytest.fixture(params=[V1, V2], ids=["v1", "v2"])
def case(request, tmp_path, engine) -> Case:
    return Case(tmp_path, request.param, engine)


def test_the_limit_comes_down_until_the_killer_has_acted(case):
    squeezing = case.start("squeeze")
    wait_until(lambda: set(case.now().values()) <= {str(1 << 20), str(USED)})
    assert "has not acted" in case.run("proof")[2]
    case.killed(4)
    assert squeezing.communicate(timeout=PATIENCE_S) == ("", "")
    assert squeezing.returncode == 0
    assert "is still there" in case.run("proof")[2]
    case.engine.kill()
    case.engine.wait()
    assert case.run("proof")[0] == 0


def test_only_v1_needs_somebody_who_asks_for_memory(case):
    squeezing = case.start("squeeze")
    wait_until(lambda: set(case.now().values()) <= {str(1 << 20), str(USED)})
    if "memory.limit_in_bytes" in case.limits:
        wait_until(lambda: (case.group / "cgroup.procs").read_text() != "")
        asking = int((case.group / "cgroup.procs").read_text())
        case.killed(4)
        squeezing.communicate(timeout=PATIENCE_S)
        wait_until(lambda: not Path(f"/proc/{asking}").exists() or is_dead(asking))
    else:
        case.killed(4)
        squeezing.communicate(timeout=PATIENCE_S)
        assert (case.group / "cgroup.procs").read_text() == ""


def is_dead(pid: int) -> bool:
    """Nobody may wait for it: a zombie counts."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] == "Z"
    except FileNotFoundError:
        return True


def test_restore_brings_back_what_was_and_may_come_at_any_time(case):
    squeezing = case.start("squeeze")
    wait_until(lambda: case.now() != case.limits)
    squeezing.kill()
    squeezing.wait()
    for _ in range(2):
        assert case.run("restore")[0] == 0
        assert case.now() == case.limits


def test_a_group_that_went_without_the_killer_is_said(case):
    case.events.unlink()
    code, _, said = case.run("squeeze")
    assert code != 0
    assert "not by the OOM killer" in said


def test_an_engine_that_was_restarted_is_not_hurt(case):
    case.engine.kill()
    case.engine.wait()
    code, _, said = case.run("squeeze")
    assert code != 0
    assert "restarted since the lease was armed" in said
    assert case.now() == case.limits


def test_a_process_in_no_container_is_refused(case):
    (case.state / "group.json").unlink()
    code, _, said = case.run("find", str(case.engine.pid))
    assert code != 0
    assert "is in no container" in said or "has no memory limit" in said  # where the host's own group has none
    assert not (case.state / "group.json").exists()
