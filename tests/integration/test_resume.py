"""A run whose runner was killed is wound down by `drill_runner resume`: the service is whole, the books are closed."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.integration.conftest import INCONCLUSIVE, PROJECT, command, fault_held, records, run_until
from tests.torture.kill import look_for_leases, pool, short
from tests.torture.residue import differences, look
from tests.waiting import wait_until

TARGET = "gpu1"
REFUSED = 2


def target_drained(_folder: Path) -> bool:
    return pool()[TARGET] == "DRAIN"


def killed(folder: Path, instant: Callable[[Path], bool]) -> Path:
    """The folder of a run of `weights_corruption`, whose recovery drains its target, and whose runner died then."""
    # The targets would end the fault by themselves while the test still looks.
    plan = short("weights_corruption", folder, renew_within_s=60)
    with run_until(instant, plan, folder) as (_, there):
        return there


@pytest.mark.parametrize(
    ("instant", "phases", "target"),
    [(fault_held, ("inject", "observe", "recover"), ("UP", "DOWN")), (target_drained, ("recover",), ("DRAIN",))],
)
def test_a_dead_run_is_wound_down(instant, phases, target, tmp_path: Path):
    before = look()
    folder = killed(tmp_path, instant)
    assert not (folder / "result.json").exists()
    assert look_for_leases() not in ({}, None)
    assert pool()[TARGET] in target

    resumed = subprocess.run(
        command("resume", folder, "--json"), cwd=PROJECT.root, capture_output=True, text=True, check=False
    )
    assert resumed.returncode == INCONCLUSIVE, resumed.stderr
    assert look_for_leases() == {}
    # Nobody has to let it in again; on a busy machine a check may miss what serves for a moment.
    wait_until(lambda: pool() == {"gpu1": "UP", "gpu2": "UP"}, otherwise=pool)
    assert differences(before, look()) == []

    assert [record["reverted"] for record in records(folder, "run_ended")] == [True]
    assert len(records(folder, "whole")) == 1
    result = json.loads(resumed.stdout)
    assert result == json.loads((folder / "result.json").read_text())
    assert result["verdict"] == "inconclusive"
    why = [reason["text"] for reason in result["reasons"]]
    assert any(f"its runner died in the phase {name}; it was wound down" in text for text in why for name in phases), (
        why
    )
    after = [check for check in result["checks"] if check["phase"] == "postconditions"]
    assert {check["outcome"] for check in after} == {"passed"}, after

    again = subprocess.run(command("resume", folder), cwd=PROJECT.root, capture_output=True, text=True, check=False)
    assert again.returncode == REFUSED, again.stderr
    assert "this run has ended" in again.stderr
