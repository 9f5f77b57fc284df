"""However a run ends, what it broke is undone: by the runner where it lives, by the target where it does not."""

import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from drill_runner.catalog import load_inventory
from drill_runner.model.plan import Phase
from drill_runner.postconditions import run_checks
from tests.integration.conftest import PROJECT, calm, command, fault_held, records, run_until
from tests.waiting import PATIENCE_S, wait_until

WHOLE = ("no_leases", "model_integrity", "pool_full", "endpoint")


def until_whole_again(folder: Path) -> None:
    inventory = load_inventory(PROJECT, PROJECT.lab_inventory)
    bad: list[str] = []

    def whole() -> bool:
        done = run_checks(
            PROJECT.root, WHOLE, inventory=inventory, targets=("gpu1",), phase=Phase.REVERT, xml_path=folder / "c.xml"
        )
        bad[:] = [f"{one.check}: {one.name}: {one.message}" for one in done if one.outcome != "passed"]
        return not bad

    wait_until(whole, otherwise=lambda: bad)


@pytest.fixture
def broken(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    """A run of `weights_corruption` whose fault has just taken hold, and its folder."""
    with run_until(fault_held, calm("weights_corruption", tmp_path), tmp_path) as begun:
        yield begun


def test_ctrl_c_reverts_and_says_that_nothing_is_known(broken, tmp_path):
    run, folder = broken
    run.send_signal(signal.SIGINT)
    assert run.wait(PATIENCE_S) == 130
    assert [record["reverted"] for record in records(folder, "run_ended")] == [True]
    assert '"verdict": "inconclusive"' in (folder / "result.json").read_text()
    until_whole_again(tmp_path)


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
    until_whole_again(tmp_path)
