"""A drill twice, each time at a moment drawn at random, and what looks back at it."""

import json
import subprocess
from pathlib import Path

import jsonschema

from drill_runner.model.result import Verdict
from drill_runner.report import schema
from tests.integration.conftest import INCONCLUSIVE, PROJECT, RESULT, TRIES, calm, command, records


def call(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(*arguments), capture_output=True, text=True, check=False, cwd=PROJECT.root, timeout=900
    )


def fits(text: str, name: str) -> None:
    jsonschema.validate(json.loads(text), json.loads(schema.path(name).read_text()))


def twice(runs: Path, drill: Path) -> subprocess.CompletedProcess[str]:
    """As the other drills: on a machine that starves the service or the probe it is asked again, in a fresh folder."""
    for number in range(TRIES):
        asked = ("--repeat", "2", "--seed", "7", "--random-delay-s", "2", "--runs", runs / str(number))
        done = call("run", drill, *asked, "--json")
        if done.returncode != INCONCLUSIVE:
            break
    return done


def test_a_drill_twice_has_two_moments_and_one_summary(tmp_path):
    drill = calm("server_crash", tmp_path)
    done = twice(tmp_path / "runs", drill)
    folder = max(tmp_path.glob("runs/*/*-x2"))
    runs = folder.parent
    fits(done.stdout, "summary")
    assert json.loads(done.stdout) == json.loads((folder / "summary.json").read_text())
    summary = json.loads(done.stdout)
    assert (summary["verdict"], done.returncode, len(summary["runs"])) == (Verdict.PASSED, 0, 2), done.stderr

    results = [RESULT.validate_json((folder / run["run_id"] / "result.json").read_bytes()) for run in summary["runs"]]
    assert [(one.delay.number, one.delay.seed) for one in results if one.delay] == [(1, 7), (2, 7)]
    assert len({one.delay.seconds for one in results if one.delay}) == 2
    for result in results:
        assert result.delay
        (drawn,) = records(folder / result.run_id, "delay_drawn")
        injected = next(one for one in records(folder / result.run_id, "playbook_started") if one["phase"] == "inject")
        assert float(str(injected["at"])) - float(str(drawn["at"])) >= result.delay.seconds

    past = call("history", "--runs", runs, "--json")
    fits(past.stdout, "history")
    assert [one["run_id"] for one in json.loads(past.stdout)["drills"][0]["runs"]] == [one.run_id for one in results]
    compared = call("compare", folder, folder, "--json")
    fits(compared.stdout, "comparison")
    assert json.loads(compared.stdout)["judgement"] in ("same", "unknown")
