"""The drills as they ship, on the lab: they pass, and they would not pass if the thing were broken."""

import pytest
import yaml

from drill_runner.model.result import Verdict
from drill_runner.model.sample import Outcome
from tests.integration.conftest import PROJECT, calm

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

    after = drill(calm("server_crash", tmp_path))
    assert after.result.verdict is Verdict.PASSED, after.why


def test_a_promise_that_cannot_be_kept_fails_the_drill(drill, tmp_path):
    file = calm("server_crash", tmp_path)
    plan = yaml.safe_load(file.read_text())
    plan["objectives"]["ttft_p99_ms"] = 0.001
    file.write_text(yaml.safe_dump(plan))
    ended = drill(file)
    assert ended.code == 1
    (ttft,) = [one for one in ended.result.objectives if one.name == "ttft_p99_ms"]
    assert (ttft.met, ended.result.verdict) == (False, Verdict.FAILED)
    assert Outcome.OK in next(window for window in ended.result.windows if window.name == "all").by_outcome
