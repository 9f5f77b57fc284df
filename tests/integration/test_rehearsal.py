"""A host's backups restore where nobody has ever seen the data, and nothing that serves notices."""

import json
import subprocess
from pathlib import Path

import pytest

from tests.integration.conftest import PROJECT, command
from tests.torture.kill import pool
from tests.torture.residue import LAB
from tests.waiting import wait_until

STATE = Path.home() / ".local/state/drill_runner" / LAB
LAST = STATE / "rehearsals/gpu1/last.json"


def rehearse(*more: str) -> subprocess.CompletedProcess[str]:
    program = str(Path(command()[0]).with_name("ansible-playbook"))
    asked = [program, "-i", str(PROJECT.lab_inventory), "playbooks/rehearse_restore.yml", "-e", "rehearse_of=gpu1"]
    return subprocess.run([*asked, *more], cwd=PROJECT.root, capture_output=True, text=True, check=False)


def containers() -> str:
    return subprocess.run(["podman", "ps", "--all"], capture_output=True, text=True, check=True).stdout


def test_backups_restore_on_an_empty_host(secrets):
    done = rehearse("-e", "rehearse_from=copy")
    assert done.returncode == 0, done.stdout
    told = json.loads(LAST.read_text())
    assert (told["ok"], told["why"], told["host"], told["from"]) == (True, "", "gpu1", "copy")
    assert 0 < told["provisioned_after_s"] < told["restored_after_s"] < told["rta_s"]
    assert {kind["kind"] for kind in told["kinds"]} == {"weights", "configuration"}
    for kind in told["kinds"]:
        assert 0 <= kind["rpa_lower_s"] <= kind["rpa_upper_s"] <= kind["rpo_s"]
    assert f"{LAB}-restore-room" not in containers()
    wait_until(lambda: set(pool().values()) == {"UP"}, otherwise=pool)
    assert [name for name, value in secrets.items() if value in done.stdout + LAST.read_text()] == []


def test_a_failure_is_kept_and_the_room_removed():
    done = rehearse("-e", "gpu_host_vendor=nobody")
    assert done.returncode != 0
    told = json.loads(LAST.read_text())
    assert (told["ok"], told["rta_s"], told["kinds"]) == (False, None, [])
    assert "gpu_host_vendor" in told["why"]
    assert f"{LAB}-restore-room" not in containers()


@pytest.mark.parametrize("asked", ["rehearse_of=lb1", "rehearse_from=elsewhere", "rehearse_room_address=10.231.77.12"])
def test_a_request_that_makes_no_sense_is_refused(asked):
    done = rehearse("-e", asked)
    assert done.returncode != 0
    assert "Set rehearse_of to one host of llm_servers" in done.stdout
