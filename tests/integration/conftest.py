"""The lab must be up: `make lab-up`. Each test leaves it as it found it."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from pydantic import TypeAdapter

from drill_runner.catalog import find_project
from drill_runner.model.result import Result, Verdict

PROJECT = find_project(None, Path(__file__).parent)
RESULT = TypeAdapter(Result)
TRIES = 3
INCONCLUSIVE = 3
"""The exit code of a run that knows nothing. One that a busy machine starves ends with it, and is asked again."""


@dataclass(frozen=True)
class Ended:
    """What a `drill_runner run` left."""

    code: int
    said: str
    folder: Path
    result: Result

    @property
    def why(self) -> str:
        """What to read when a verdict is not the one that was expected."""
        bad = [f"{one.check}: {one.name}: {one.message}" for one in self.result.checks if one.outcome != "passed"]
        return "\n".join([self.said, *(reason.text for reason in self.result.reasons), *bad])

    def journal(self, kind: str) -> list[dict[str, object]]:
        """Its records of one kind."""
        return records(self.folder, kind)


def records(folder: Path, kind: str) -> list[dict[str, object]]:
    """Whole records of one kind in a run's journal; none while there is no journal."""
    journal = folder / "journal.jsonl"
    lines = journal.read_text().splitlines(keepends=True) if journal.exists() else []
    return [
        record for record in map(json.loads, (line for line in lines if line.endswith("\n"))) if record["kind"] == kind
    ]


def command(*arguments: str | Path) -> list[str]:
    return [str(Path(sys.executable).with_name("drill_runner")), *map(str, arguments)]


def calm(name: str, folder: Path) -> Path:
    """The drill as it ships, with less watching and fewer requests: a slow machine's one replica can carry these alone.

    At the rate that ships, 20 a second, the verdict would be about this machine; `make bench-lab` asks so.
    """
    plan = yaml.safe_load((PROJECT.drills / f"{name}.yml").read_text())
    less = {"probe": {"rate_hz": 5, "stream_rate_hz": 0.2}, "steady_s": 2, "settle_s": 2}
    assert "probe" not in plan, f"{name} has probes of its own: they would be lost here"
    path = folder / f"{name}.yml"
    path.write_text(yaml.safe_dump(less | plan, sort_keys=False))
    return path


@contextmanager
def run_until(
    instant: Callable[[Path], bool], drill: Path, folder: Path
) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    """A run of the drill which has just come to that instant, and its own folder; killed afterwards if it still runs.

    `instant` says of a run's folder whether it has come. A run that is starved breaks nothing: another is started.
    """
    said = folder / "said"
    for number in range(TRIES):
        runs = folder / str(number)
        with said.open("wb") as file:
            run = subprocess.Popen(command("run", drill, "--runs", runs), cwd=PROJECT.root, stdout=file, stderr=file)
        try:
            while run.poll() is None:
                if there := next(filter(instant, runs.glob("2*")), None):
                    yield run, there
                    return
                time.sleep(0.05)
        finally:
            run.kill()
            run.wait()
        if run.returncode != INCONCLUSIVE:
            break
    raise AssertionError(said.read_text())


def fault_held(run: Path) -> bool:
    """Whether the fault of the run in this folder has taken hold."""
    return bool(records(run, "effect_shown"))


@pytest.fixture
def drill(tmp_path: Path) -> Callable[[str | Path], Ended]:
    """Run a drill of the project, or one in a file, against the lab."""
    runs = tmp_path / "runs"

    def once(name: str | Path) -> Ended:
        done = subprocess.run(
            command("run", name, "--runs", runs, "--json"),
            capture_output=True, text=True, check=False, cwd=PROJECT.root, timeout=900,
        )  # fmt: skip
        assert done.stdout, done.stderr
        return Ended(done.returncode, done.stderr, max(runs.glob("2*")), RESULT.validate_json(done.stdout))

    def run(name: str | Path) -> Ended:
        """On a machine that starves the probe a run says that it knows nothing: then it is asked again."""
        for _ in range(TRIES - 1):
            ended = once(name)
            if ended.result.verdict is not Verdict.INCONCLUSIVE:
                return ended
        return once(name)

    return run


@pytest.fixture
def state() -> Path:
    """The controller's folder of the lab."""
    return Path(os.environ.get("HOME", "/root"), ".local/state/drill_runner/drill-lab")


@pytest.fixture
def secrets(state: Path) -> dict[str, str]:
    """Every secret of the lab, by the name of its file."""
    found = {path.name: path.read_text().strip() for path in (state / "secrets").iterdir()}
    assert found, f"{state}: no secrets: is the lab up?"
    return found
