"""However a run ends, what it broke is undone: by the runner where it lives, by the target where it does not."""

import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from drill_runner.catalog import load_inventory
from drill_runner.model.plan import Phase
from drill_runner.postconditions import run_checks
from tests.integration.conftest import PROJECT, command, records

WITHIN_S = 120.0
WHOLE = ("no_leases", "model_integrity", "pool_full", "endpoint")


def whole_again(folder: Path) -> list[str]:
    """What still does not hold when the time is over; nothing, if all is well."""
    inventory = load_inventory(PROJECT, PROJECT.lab_inventory)
    deadline = time.monotonic() + WITHIN_S
    while True:
        done = run_checks(
            PROJECT.root, WHOLE, inventory=inventory, targets=("gpu1",), phase=Phase.REVERT, xml_path=folder / "c.xml"
        )
        bad = [f"{one.check}: {one.name}: {one.message}" for one in done if one.outcome != "passed"]
        if not bad or time.monotonic() > deadline:
            return bad
        time.sleep(1)


@pytest.fixture
def broken(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    """A run of `weights_corruption` whose fault has just taken hold, and its folder."""
    runs = tmp_path / "runs"
    with (tmp_path / "said").open("wb") as said:
        run = subprocess.Popen(
            command("run", "weights_corruption", "--runs", runs), cwd=PROJECT.root, stdout=said, stderr=said
        )
    deadline = time.monotonic() + WITHIN_S
    try:
        while not any(records(folder, "effect_shown") for folder in runs.glob("2*")):
            assert run.poll() is None, (tmp_path / "said").read_text()
            assert time.monotonic() < deadline, (tmp_path / "said").read_text()
            time.sleep(0.05)
        yield run, next(runs.glob("2*"))
    finally:
        if run.poll() is None:
            run.kill()
        run.wait()


def test_ctrl_c_reverts_and_says_that_nothing_is_known(broken, tmp_path):
    run, folder = broken
    run.send_signal(signal.SIGINT)
    assert run.wait(WITHIN_S) == 130
    assert [record["reverted"] for record in records(folder, "run_ended")] == [True]
    assert '"verdict": "inconclusive"' in (folder / "result.json").read_text()
    assert whole_again(tmp_path) == []


def test_after_sigkill_abort_finds_the_lease_on_the_host_alone(broken, tmp_path):
    run, folder = broken
    run.kill()
    run.wait()
    assert records(folder, "run_ended") == []
    for path in folder.rglob("*"):
        if path.is_file():
            path.unlink()  # no local state at all
    aborted = subprocess.run(command("abort"), cwd=PROJECT.root, capture_output=True, text=True, check=False)
    assert aborted.returncode == 0, aborted.stderr
    assert whole_again(tmp_path) == []
