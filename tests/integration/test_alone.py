"""A target that nobody can reach, or that is switched off while it is broken, puts itself right."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from drill_runner.model.result import Verdict
from tests.integration.conftest import PROJECT, Ended, command, records
from tests.torture.kill import CLEAN_WITHIN_S, look_for_leases, until_both_serve
from tests.torture.residue import LAB, Snapshot, differences, look

TARGET = "gpu1"
CUT_FOR_S = 20
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
CUT = f"""\
nft 'add table inet test_cut_off; add chain inet test_cut_off in {{ type filter hook input priority -400; }}'
nft add rule inet test_cut_off in tcp dport 22 drop
systemd-run --quiet --collect --on-active={CUT_FOR_S} --timer-property=AccuracySec=1s nft delete table inet test_cut_off
"""


def on_target(shell: str) -> str:
    """What a command says that the target runs as root, asked where no network is needed."""
    done = subprocess.run(
        ["podman", "exec", f"{LAB}-{TARGET}", "sh", "-c", shell], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def until_clean(before: Snapshot) -> None:
    deadline = time.monotonic() + CLEAN_WITHIN_S
    while (left := differences(before, look())) and time.monotonic() < deadline:
        time.sleep(1)
    assert left == []


@pytest.fixture
def before() -> Snapshot:
    return look()


def test_one_that_is_cut_off_from_its_controller(tmp_path: Path, before: Snapshot):
    plan, runs = tmp_path / "hang.yml", tmp_path / "runs"
    plan.write_text(HANG)
    run = subprocess.Popen(
        command("run", plan, "--runs", runs, "--json"), cwd=PROJECT.root, stdout=subprocess.PIPE, text=True
    )
    try:
        deadline = time.monotonic() + CLEAN_WITHIN_S
        while not any(records(folder, "effect_shown") for folder in runs.glob("2*")):
            assert run.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
        on_target(CUT)
        while "drill-lease" in on_target("ls /var/lib/drill-lease; systemctl list-units --plain 'drill-lease-*'"):
            assert time.monotonic() < deadline
            time.sleep(0.1)
        # Nobody could have told it: the cut still holds.
        assert "test_cut_off" in on_target("nft list tables")
        said, _ = run.communicate(timeout=CLEAN_WITHIN_S)
    finally:
        run.kill()
        run.wait()
    result = json.loads(said)
    texts = [reason["text"] for reason in result["reasons"]]
    # Whole again it is, and yet this was no recovery.
    assert result["verdict"] == "inconclusive", texts
    assert any("undoes its fault, which may have passed for the recovery" in text for text in texts), texts
    until_clean(before)


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
    deadline = time.monotonic() + CLEAN_WITHIN_S
    while look_for_leases() != {}:
        assert time.monotonic() < deadline
        time.sleep(0.5)
    healed = look()
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
    until_clean(before)


@pytest.mark.parametrize(
    ("playbook", "targets"), [("restore.yml", "restore_targets"), ("recover_volume.yml", "recover_targets")]
)
def test_a_repair_whose_controller_dies_is_completed(playbook: str, targets: str, before: Snapshot):
    """The host has stopped its engine for it, and starts it again; who let the host out of the pool may be gone."""
    program = str(Path(sys.executable).with_name("ansible-playbook"))
    asked = [program, "-i", str(PROJECT.lab_inventory), f"playbooks/{playbook}", "-e", f"{targets}={TARGET}"]
    engine = "for what in ActiveState InvocationID; do systemctl show -P $what llm-server.service; done"
    served = on_target(engine).split()
    repair = subprocess.Popen(asked, cwd=PROJECT.root, stdout=subprocess.DEVNULL, start_new_session=True)
    deadline = time.monotonic() + CLEAN_WITHIN_S
    try:
        while on_target(engine).split()[0] == "active":
            assert time.monotonic() < deadline
            assert repair.poll() is None
            time.sleep(0.02)
    finally:
        os.killpg(repair.pid, signal.SIGKILL)
        repair.wait()
    while (now := on_target(engine).split())[0] != "active":
        assert time.monotonic() < deadline
        time.sleep(0.2)
    assert now[1] != served[1]
    assert until_both_serve() == ()
    until_clean(before)
