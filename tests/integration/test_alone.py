"""A target that nobody can reach, or that is switched off while it is broken, puts itself right."""

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from drill_runner.model.result import Verdict
from tests.integration.conftest import PROJECT, Ended, command, fault_held, run_until
from tests.torture.kill import CLEAN_WITHIN_S, left_behind, look_for_leases, until_both_serve
from tests.torture.residue import LAB, Snapshot, look
from tests.waiting import wait_until

TARGET = "gpu1"
HANG = f"""\
summary: A replica hangs until somebody ends that; nobody does.
faults:
  - fault: server_hang
    targets: {TARGET}
steady_state: [endpoint, pool_full]
steady_s: 1
settle_s: 20
detection: {{load_balancer: down, within_s: 30}}
recovery: {{within_s: 120}}
objectives: {{replica_rto_s: 110}}
postconditions: [endpoint, pool_full]
renew_within_s: 10
"""
NOBODY_SERVES = "blast_radius: {max_hosts: 2, keep_serving: 0}\n"
CUT = """\
nft 'add table inet test_cut_off; add chain inet test_cut_off in { type filter hook input priority -400; }'
nft add rule inet test_cut_off in tcp dport 22 drop
"""
CONNECT_AGAIN = "nft 'add table inet test_cut_off; delete table inet test_cut_off'"
HELD = "/run/systemd/system/llm-server.service.d/test-held.conf"
HOLD = f"""\
mkdir -p {HELD.rpartition("/")[0]}
cat > {HELD} <<'END'
[Service]
TimeoutStopSec=120
ExecStopPost=/bin/sh -c 'while [ -e {HELD} ]; do sleep 0.05; done'
END
systemctl daemon-reload
"""


def on_target(shell: str) -> str:
    """What a command says that the target runs as root, asked where no network is needed."""
    done = subprocess.run(
        ["podman", "exec", f"{LAB}-{TARGET}", "sh", "-c", shell], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def before() -> Snapshot:
    return look()


@pytest.fixture
def connected() -> Iterator[None]:
    """Whatever becomes of the test, its target can be reached again."""
    yield
    on_target(CONNECT_AGAIN)


@pytest.mark.usefixtures("connected")
def test_one_that_is_cut_off_from_its_controller(tmp_path: Path, before: Snapshot):
    plan = tmp_path / "hang.yml"
    plan.write_text(HANG)
    leases = "ls /var/lib/drill-lease; systemctl list-units --plain 'drill-lease-*'"
    with run_until(fault_held, plan, tmp_path) as (run, folder):
        on_target(CUT)
        # And nobody could have told it.
        wait_until(lambda: "drill-lease" not in on_target(leases), otherwise=lambda: on_target(leases))
        on_target(CONNECT_AGAIN)
        run.wait(CLEAN_WITHIN_S)
    result = json.loads((folder / "result.json").read_text())
    texts = [reason["text"] for reason in result["reasons"]]
    # Whole again it is, and yet this was no recovery.
    assert result["verdict"] == "inconclusive", texts
    assert any("undoes its fault, which may have passed for the recovery" in text for text in texts), texts
    assert left_behind(before) == []


@pytest.fixture
def broken_by_hand() -> Iterator[None]:
    """The target's weights are corrupted, by an operator without the runner."""
    program = str(Path(sys.executable).with_name("ansible-playbook"))
    inject = [program, "-i", str(PROJECT.lab_inventory), "playbooks/fault_inject.yml"]
    for name, value in {
        "fault_name": "weights_corruption",
        "fault_targets": TARGET,
        "fault_lease_id": "by-hand-1",
        "fault_lease_limit_s": "600",
    }.items():
        inject += ["-e", f"{name}={value}"]
    done = subprocess.run(inject, cwd=PROJECT.root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    yield
    subprocess.run(command("abort"), cwd=PROJECT.root, check=True, capture_output=True)


@pytest.mark.usefixtures("broken_by_hand")
def test_one_that_loses_its_power_while_it_is_broken():
    assert look_for_leases() == {"by-hand-1": None}
    broken = look()
    for verb in ("kill", "start"):
        subprocess.run(["podman", verb, f"{LAB}-{TARGET}"], check=True, capture_output=True)
    wait_until(lambda: look_for_leases() == {})
    healed: Snapshot = {}

    def answers() -> bool:
        nonlocal healed
        return "models" in (healed := look())[TARGET]

    wait_until(answers)  # it may have to boot on
    assert healed[TARGET]["models"] != broken[TARGET]["models"]
    assert healed[TARGET]["models"] == healed["gpu2"]["models"]


@pytest.mark.usefixtures("broken_by_hand")
def test_a_run_is_refused_while_somebody_else_s_fault_is_active(tmp_path: Path):
    runs = tmp_path / "runs"
    done = subprocess.run(
        command("run", "server_crash", "--runs", runs), cwd=PROJECT.root, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2, done.stderr
    assert f"{TARGET}: weights_corruption of " in done.stderr
    assert list(runs.glob("2*")) == []


def test_damage_beyond_what_was_agreed_on_ends_the_drill(drill, tmp_path: Path, before: Snapshot):
    plan = tmp_path / "damage.yml"
    both = HANG.replace(f"targets: {TARGET}", "targets: llm_servers")  # nobody is left to answer, until they go on
    plan.write_text(both.replace("renew_within_s: 10", "abort_if: {outage_s: 2}") + NOBODY_SERVES)
    ended: Ended = drill(plan)
    assert (ended.result.verdict, ended.code) == (Verdict.FAILED, 1), ended.why
    assert "more damage than was agreed on" in ended.result.reasons[0].text
    assert "abort_if.outage_s is 2" in ended.result.reasons[0].text
    assert [record["reverted"] for record in ended.journal("run_ended")] == [True]
    assert left_behind(before) == []


@pytest.fixture
def held() -> Iterator[None]:
    """The engine's unit, once told to stop, is stopping until `HELD` is gone: as long as it takes to look."""
    on_target(HOLD)
    yield
    on_target(f"rm -f {HELD} && systemctl daemon-reload")


@pytest.mark.usefixtures("held")
@pytest.mark.parametrize(
    ("playbook", "targets"), [("restore.yml", "restore_targets"), ("recover_volume.yml", "recover_targets")]
)
def test_a_repair_whose_controller_dies_is_completed(playbook: str, targets: str, before: Snapshot):
    """The host has stopped its engine for it, and starts it again; who let the host out of the pool may be gone."""
    program = str(Path(sys.executable).with_name("ansible-playbook"))
    asked = [program, "-i", str(PROJECT.lab_inventory), f"playbooks/{playbook}", "-e", f"{targets}={TARGET}"]

    def engine(what: str) -> str:
        return on_target(f"systemctl show -P {what} llm-server.service").strip()

    served = engine("InvocationID")
    repair = subprocess.Popen(asked, cwd=PROJECT.root, stdout=subprocess.DEVNULL, start_new_session=True)
    try:
        wait_until(lambda: engine("ActiveState") == "deactivating" or repair.poll() is not None)
        assert repair.poll() is None
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(repair.pid, signal.SIGKILL)
        repair.wait()
    on_target(f"rm {HELD}")
    wait_until(lambda: engine("ActiveState") == "active")
    assert engine("InvocationID") != served
    assert until_both_serve() == ()
    assert left_behind(before) == []
