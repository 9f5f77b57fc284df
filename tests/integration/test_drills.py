"""The drills as they ship, on the lab: they pass, and they would not pass if the thing were broken."""

import pytest
import yaml

from drill_runner.model.result import Verdict
from tests.integration.conftest import PROJECT, calm
from tests.torture.kill import pool
from tests.waiting import wait_until

DRILLS = sorted(path.stem for path in PROJECT.drills.glob("*.yml"))
COSTS_NOTHING = ("host_loss", "server_crash")


@pytest.mark.parametrize("name", DRILLS)
def test_a_drill_passes_with_evidence_of_its_fault(drill, secrets, tmp_path, name):
    ended = drill(calm(name, tmp_path))
    result = ended.result
    assert (result.verdict, ended.code) == (Verdict.PASSED, 0), ended.why

    effects = ended.journal("effect_shown")
    assert {effect["host"] for effect in effects} == {host for hosts in result.faults.values() for host in hosts}
    assert all(effect["evidence"] for effect in effects)
    assert [one["problem"] for one in ended.journal("evidence_collected")] == [None]

    whole = next(window for window in result.windows if window.name == "all")
    assert whole.good > 0
    if name in COSTS_NOTHING:
        assert whole.good == whole.scheduled, whole.by_outcome

    for file in ("plan.json", "samples.jsonl", "result.json", "report.html", "junit.xml"):
        assert (ended.folder / file).stat().st_size > 0
    leaked = [
        (secret, path.relative_to(ended.folder))
        for path in ended.folder.rglob("*")
        if path.is_file()
        for secret, value in secrets.items()
        if value in path.read_text(errors="replace")
    ]
    assert leaked == []


def test_weights_that_nobody_restores_fail_the_drill_and_are_undone_all_the_same(drill, tmp_path):
    file = calm("weights_corruption", tmp_path)
    plan = yaml.safe_load(file.read_text())
    assert plan["recovery"].pop("playbook") == "recover_weights"
    plan["recovery"]["within_s"] = 10
    file.write_text(yaml.safe_dump(plan))
    ended = drill(file)
    assert (ended.result.verdict, ended.code) == (Verdict.FAILED, 1), ended.why
    assert ended.journal("run_ended")[0]["reverted"] is True

    # Its verifier lets nobody be up whose weights are wrong.
    wait_until(lambda: set(pool().values()) == {"UP"}, otherwise=pool)
