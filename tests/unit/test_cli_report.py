"""`report` and `evaluate` on stored runs: what they print, what they write, how they end."""

import json
from functools import cache
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from pydantic import TypeAdapter

from drill_runner.cli import main
from drill_runner.evaluate import to_json
from drill_runner.model.plan import Plan
from drill_runner.model.record import Record, RunStarted
from drill_runner.observe.writer import SAMPLE
from tests.unit.histories import STARTED, story

RUN = "20261124T101500Z-server_crash"


@cache
def stored() -> dict[str, bytes]:
    """A run's files."""
    told = story("outage")
    started = RunStarted(at=STARTED - 1, utc="2026-11-24T10:14:52Z", run_id=RUN, versions={"python": "3.11.7"})
    return {
        "plan.json": TypeAdapter(Plan).dump_json(told.plan) + b"\n",
        "journal.jsonl": TypeAdapter(Record).dump_json(started) + b"\n",
        "samples.jsonl": b"".join(SAMPLE.dump_json(sample) + b"\n" for sample in told.samples),
        "result.json": to_json(told.result).encode(),
    }


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name in ("drills", "playbooks", "roles"):
        (tmp_path / name).mkdir()
    folder = tmp_path / "runs" / RUN
    folder.mkdir(parents=True)
    for name, content in stored().items():
        (folder / name).write_bytes(content)
    return tmp_path


def call(project: Path, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["--project", str(project), *arguments])


@pytest.mark.parametrize("run", ["latest", RUN])
def test_report_shows_a_run_by_name(project: Path, run: str) -> None:
    done = call(project, "report", run)
    assert done.exit_code == 0
    assert "FAILED" in done.output.splitlines()[1]


def test_report_shows_a_run_by_folder(project: Path) -> None:
    assert call(project, "report", str(project / "runs" / RUN), "--format", "json").exit_code == 0


def test_latest_is_the_newest(project: Path) -> None:
    (project / "runs" / "20270101T000000Z-server_crash").mkdir()
    done = call(project, "report")
    assert done.exit_code == 2
    assert "20270101T000000Z-server_crash/result.json: not there yet" in done.output


@pytest.mark.parametrize(
    ("format_", "begins"),
    [("json", "{"), ("html", "<!doctype html>"), ("junit", "<testsuites"), ("markdown", "### "), ("text", "╭─ ")],
)
def test_report_has_every_format_on_output_and_in_a_file(project: Path, format_: str, begins: str) -> None:
    printed = call(project, "report", RUN, "--format", format_)
    written = call(project, "report", RUN, "--format", format_, "--output", str(project / "out"))
    assert (printed.exit_code, written.exit_code, written.output) == (0, 0, "")
    assert printed.output.startswith(begins)
    assert (project / "out").read_text().startswith(begins)


def test_an_unknown_run_is_refused_by_name(project: Path) -> None:
    done = call(project, "report", RUN.replace("crash", "crush"))
    assert done.exit_code == 2
    assert f"did you mean {RUN}?" in done.output


def test_a_damaged_result_is_refused(project: Path) -> None:
    (project / "runs" / RUN / "result.json").write_text("{")
    done = call(project, "report")
    assert done.exit_code == 2
    assert "result.json: damaged" in done.output


def test_evaluate_gives_the_same_bytes_twice_and_its_verdict_as_exit_status(project: Path) -> None:
    folder = project / "runs" / RUN
    first = call(project, "evaluate", RUN, "--json")
    kept = {name: (folder / name).read_bytes() for name in ("result.json", "report.html", "junit.xml")}
    second = call(project, "evaluate", RUN)
    # The journal ends where the run began, so nothing is proved.
    assert (first.exit_code, second.exit_code) == (3, 3)
    assert json.loads(first.output)["verdict"] == "inconclusive"
    assert {name: (folder / name).read_bytes() for name in kept} == kept
    assert "INCONCLUSIVE" in second.output


def test_evaluate_refuses_what_is_no_run(project: Path) -> None:
    done = call(project, "evaluate", str(project / "drills"))
    assert done.exit_code == 2
    assert "not a run's folder" in done.output
