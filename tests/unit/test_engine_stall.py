"""The program that freezes a thread, tried on a process of which one thread works and another answers."""

import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

STALL = Path(__file__).resolve().parents[2] / "roles/fault_engine_stall/files/stall.py"
ENGINE = """
import sys, threading, time
turns = 0
def work():
    global turns
    while True:
        turns += 1
        sum(range(1000))
        time.sleep(0.0005)
threading.Thread(target=work, daemon=True).start()
for line in sys.stdin:
    print(turns, flush=True)
"""
PATIENCE_S = 20


class Engine:
    """A process whose second thread computes, and whose first answers."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", ENGINE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def turns(self) -> int:
        """How far the work has come: an answer of the first thread, whatever the second does."""
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return self.answer()

    def answer(self) -> int:
        """What comes next."""
        assert self.process.stdout is not None
        assert select.select([self.process.stdout], [], [], PATIENCE_S)[0], "the first thread does not answer"
        return int(self.process.stdout.readline())

    def answers(self, within_s: float) -> bool:
        """Whether the first thread answers; if it does not, its answer is still to come."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        if not select.select([self.process.stdout], [], [], within_s)[0]:
            return False
        self.process.stdout.readline()
        return True

    def works(self) -> bool:
        """Whether the work goes on."""
        before, deadline = self.turns(), time.monotonic() + 1
        while time.monotonic() < deadline:
            if self.turns() > before:
                return True
            time.sleep(0.02)
        return False


@pytest.fixture
def engine() -> Iterator[Engine]:
    engine = Engine()
    while engine.turns() < 100:
        time.sleep(0.02)
    yield engine
    engine.process.kill()
    engine.process.communicate()


@pytest.fixture
def state(tmp_path: Path, engine: Engine) -> Path:
    """A lease's folder, with the thread that works as the one that was found."""
    process = Path("/proc", str(engine.process.pid))
    (task,) = [task for task in process.glob("task/[0-9]*") if task.name != process.name]
    born = (task / "stat").read_text().rpartition(") ")[2].split()[19]
    (tmp_path / "thread.json").write_text(json.dumps({"task": str(task), "born": born}))
    return tmp_path


def command(*words: str) -> list[str]:
    return [sys.executable, str(STALL), *words]


def run(state: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(*words),
        env={"DRILL_LEASE_STATE": str(state)},
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_S,
    )


@pytest.fixture
def holder(state: Path, engine: Engine) -> Iterator[subprocess.Popen[bytes]]:
    """Freezes the thread that works, when it does not hold Python's lock: the other could not answer then."""
    for _ in range(20):
        with subprocess.Popen(command("hold"), env={"DRILL_LEASE_STATE": str(state)}) as holder:
            waited = run(state, "wait", str(holder.pid))
            assert waited.returncode == 0, waited.stderr
            if engine.answers(within_s=2.0):
                yield holder
                holder.kill()
                return
            holder.kill()
        engine.answer()  # to what was asked meanwhile
    pytest.fail("frozen with the lock each time")


@pytest.mark.usefixtures("holder")
def test_only_the_thread_that_works_is_frozen(engine, state):
    assert run(state, "frozen").returncode == 0
    assert engine.turns() > 0
    assert not engine.works()


def test_nothing_is_frozen_before(engine, state):
    assert run(state, "frozen").returncode != 0
    assert engine.works()


def test_release_lets_it_go_on_and_may_come_twice(engine, state, holder):
    for _ in range(2):
        assert run(state, "release").returncode == 0
    assert engine.works()
    assert holder.wait(PATIENCE_S) == -signal.SIGKILL


def test_the_holders_death_lets_it_go_on(engine, state, holder):
    holder.kill()
    holder.wait(PATIENCE_S)
    assert engine.works()
    assert run(state, "release").returncode == 0


def test_release_before_hold_is_safe(engine, state):
    assert run(state, "release").returncode == 0
    assert engine.works()


def test_a_frozen_engine_can_be_killed_and_its_holder_ends(engine, state, holder):
    os.kill(engine.process.pid, signal.SIGKILL)
    assert engine.process.wait(PATIENCE_S) == -signal.SIGKILL
    assert holder.wait(PATIENCE_S) == 0
    assert run(state, "frozen").returncode != 0
    assert run(state, "release").returncode == 0


def test_a_thread_that_has_ended_is_not_held(engine, state):
    engine.process.kill()
    engine.process.wait(PATIENCE_S)
    held = run(state, "hold")
    assert held.returncode != 0
    assert "has ended since the lease was armed" in held.stderr


def test_the_busiest_of_the_companions_is_found(state):
    ours = os.getpid()
    assert run(state, "find", str(ours)).returncode == 0
    task = Path(json.loads((state / "thread.json").read_text())["task"])
    assert (task.parents[1] / "ns/pid").readlink() == Path(f"/proc/{ours}/ns/pid").readlink()
