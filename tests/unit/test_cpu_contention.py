"""The program that bounds an engine's CPU time, tried on files laid out as the kernel lays them out."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

STARVE = Path(__file__).resolve().parents[2] / "roles/fault_cpu_contention/files/starve.py"
LIMITS = {
    "v1": {"cpu.cfs_quota_us": "-1", "cpu.cfs_period_us": "100000"},
    "v1-bounded": {"cpu.cfs_quota_us": "200000", "cpu.cfs_period_us": "100000"},
    "v2": {"cpu.max": "max 100000"},
    "v2-bounded": {"cpu.max": "200000 100000"},
}


class Case:
    """A control group, and the lease's folder that knows it."""

    def __init__(self, folder: Path, limit: dict[str, str], pid: int) -> None:
        self.group, self.state, self.limit = folder / "group", folder / "state", limit
        self.group.mkdir()
        self.state.mkdir()
        for name, value in limit.items():
            (self.group / name).write_text(value)
        self.waited(7)
        born = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()[19]
        known = {"folder": str(self.group), "pid": str(pid), "born": born, "limit": limit, "waits": 7}
        (self.state / "group.json").write_text(json.dumps(known))

    def waited(self, times: int) -> None:
        (self.group / "cpu.stat").write_text(f"nr_periods 100\nnr_throttled {times}\n")

    def now(self) -> dict[str, str]:
        return {name: (self.group / name).read_text() for name in self.limit}

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, str(STARVE), *words],
            env={"DRILL_LEASE_STATE": str(self.state)},
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture
def engine() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(["sleep", "60"]) as engine:
        yield engine
        engine.kill()


@pytest.fixture(params=sorted(LIMITS))
def case(request, tmp_path, engine) -> Case:
    return Case(tmp_path, LIMITS[request.param], engine.pid)


def test_the_engine_keeps_what_was_asked_for(case):
    assert case.run("starve", "0.25").returncode == 0
    assert " ".join(case.now().values()) == "2500 10000"


def test_less_than_the_kernel_grants_becomes_the_least(case):
    assert case.run("starve", "0.05").returncode == 0
    assert " ".join(case.now().values()) == "1000 10000"


def test_restore_brings_back_what_was_and_may_come_at_any_time(case):
    for verb in ("restore", "starve", "restore", "restore"):
        assert case.run(verb, *(["0.25"] if verb == "starve" else [])).returncode == 0
    assert case.now() == case.limit


def test_restore_of_a_group_that_went_with_its_container_is_done(case):
    for path in case.group.iterdir():
        path.unlink()
    case.group.rmdir()
    assert case.run("restore").returncode == 0
    assert not case.group.exists()


def test_a_limit_is_no_proof_and_waits_without_one_are_none(case):
    case.waited(99)
    assert "has all the CPU time" in case.run("proof", "0.25").stderr
    case.run("starve", "0.25")
    case.waited(11)
    assert "has made the engine wait 4 times" in case.run("proof", "0.25").stderr
    case.waited(12)
    proof = case.run("proof", "0.25")
    assert (proof.returncode, proof.stdout) == (
        0,
        "the engine may use 0.25 cores, and the kernel has made it wait 5 times\n",
    )


def test_an_engine_that_was_restarted_is_not_starved(case, engine):
    engine.kill()
    engine.wait()
    starved = case.run("starve", "0.25")
    assert starved.returncode != 0
    assert "restarted since the lease was armed" in starved.stderr
    assert case.now() == case.limit


def test_a_process_in_no_container_is_refused(case, engine):
    (case.state / "group.json").unlink()
    found = case.run("find", str(engine.pid), "0.25")
    assert found.returncode != 0
    assert "is in no container" in found.stderr or "no cpu." in found.stderr  # where the host's own group has no limit
    assert not (case.state / "group.json").exists()
