"""`python -m tests.bench`: times and sizes of the lab that is up, with the limits that the project promises.

Ratios are of runs side by side, in turn, so that a noisy machine disturbs both alike. Exit code 1 if a limit is missed.
"""

import hashlib
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Container, Iterator
from dataclasses import dataclass
from pathlib import Path

from drill_runner.catalog import Project, find_project
from drill_runner.execute import run_playbook

ROUNDS = 3
LAB_MIB = 2048
SITE_AGAIN_S = 30.0
OVERHEAD = 1.15
DRILL_AGAIN_S = 60.0
LAB_AGAIN_S = 120.0
VERDICTS = {0: "passed", 1: "failed", 3: "inconclusive"}
"""What the exit codes of `drill_runner run` say of a run that took place."""


@dataclass(frozen=True)
class Line:
    """One number and what was promised."""

    what: str
    value: float
    limit: float
    unit: str

    def __str__(self) -> str:
        verdict = "ok" if self.value <= self.limit else "MISSED"
        return f"{self.what:<58} {self.value:8.2f} {self.unit:<4} promised at most {self.limit:g}  {verdict}"


def timed(work: Callable[[], object]) -> float:
    """Seconds that `work` takes."""
    start = time.monotonic()
    work()
    return time.monotonic() - start


def command(project: Project, *words: str, endings: Container[int] = (0,)) -> int:
    """Run a command of the environment and give its exit code; end with its output if that is none of `endings`."""
    program = Path(sys.executable).with_name(words[0])
    environment = os.environ | {"ANSIBLE_CONFIG": str(project.ansible_config)}
    done = subprocess.run(
        [program, *words[1:]], cwd=project.root, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode not in endings:
        sys.exit(f"{' '.join(words)}: {done.stdout[-2000:]}{done.stderr[-2000:]}")
    return done.returncode


def through_runner(project: Project) -> None:
    """site.yml as the runner runs it."""
    with tempfile.TemporaryDirectory() as folder:
        run = run_playbook(project.root, "site", project.lab_inventory, variables={}, keep=Path(folder, "kept"))
    if not run.ok:
        sys.exit(f"site.yml: {run.failures}")


def site(project: Project) -> Iterator[Line]:
    """site.yml a second time, plain and through the runner, in turn."""
    plain, ours = [], []
    for _ in range(ROUNDS):
        plain.append(timed(lambda: command(project, "ansible-playbook", "playbooks/site.yml")))
        ours.append(timed(lambda: through_runner(project)))
    yield Line(f"site.yml a second time, median of {ROUNDS}", statistics.median(plain), SITE_AGAIN_S, "s")
    ratio = statistics.median(ours) / statistics.median(plain)
    yield Line("  through the runner, of the plain time", ratio, OVERHEAD, "")


def memory(lab: str) -> Line:
    """Resident memory that the lab's processes have to themselves and share, each page counted once."""
    listed = subprocess.run(
        ["podman", "ps", "--filter", f"label=io.drill-runner.lab={lab}", "--format", "{{.Pid}}"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    pids = [pid for first in listed.stdout.split() for pid in _tree(int(first))]
    kib = sum(_pss_kib(pid) for pid in pids)
    return Line(f"memory of the lab's {len(pids)} processes (PSS)", kib / 1024, LAB_MIB, "MiB")


def _tree(pid: int) -> list[int]:
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return []
    return [pid, *(deeper for child in children for deeper in _tree(int(child)))]


def _pss_kib(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)


def again(project: Project) -> Line:
    """What `make drill` does when the lab is up. It takes as long when a busy machine costs the drill its verdict."""
    verdicts: list[int] = []

    def drill() -> None:
        command(project, "drill_runner", "lab", "up")
        verdicts.append(command(project, "drill_runner", "run", "server_crash", endings=VERDICTS))

    took = timed(drill)
    return Line(f"make drill, with the lab up ({VERDICTS[verdicts[0]]})", took, DRILL_AGAIN_S, "s")


def rebuilt(project: Project) -> Line:
    """The lab from nothing, with images and weights cached."""

    def down_and_up() -> None:
        command(project, "drill_runner", "lab", "down")
        command(project, "drill_runner", "lab", "up")

    return Line("lab down and up, images cached, site.yml included", timed(down_and_up), LAB_AGAIN_S, "s")


def core_mb_per_s() -> float:
    """SHA-256 of one core, in MB/s: what seconds of this machine, at this time, are worth."""
    piece = bytes(1 << 28)

    return len(piece) / timed(lambda: hashlib.sha256(piece)) / 1e6


def main() -> int:
    """Measure, print, and say whether all is as promised."""
    project = find_project(None, Path(__file__).parent)
    sys.stdout.write(f"{os.cpu_count()} cores; one makes SHA-256 of {core_mb_per_s():.0f} MB/s at the beginning\n")
    missed = False
    for line in _lines(project):
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()
        missed = missed or line.value > line.limit
    sys.stdout.write(f"and of {core_mb_per_s():.0f} MB/s at the end\n")
    return int(missed)


def _lines(project: Project) -> Iterator[Line]:
    yield from site(project)
    yield memory("drill-lab")
    yield again(project)
    yield rebuilt(project)


if __name__ == "__main__":
    sys.exit(main())
