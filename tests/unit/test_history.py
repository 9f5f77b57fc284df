"""A run folder that is damaged, incomplete or too new."""

import re
from pathlib import Path

import pytest

from drill_runner.errors import UsageError
from drill_runner.evaluate import evaluate, read_run
from drill_runner.model.result import Verdict
from tests.unit.runs import history, write


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write(history(), tmp_path / "run")


def test_what_was_written_is_read_back(folder: Path):
    run = read_run(folder)
    passing = history()
    assert (run.plan, run.records, run.samples, run.problems) == (passing.plan, passing.records, passing.samples, ())
    assert evaluate(run).verdict is Verdict.PASSED


def test_an_unreadable_line_is_named_and_the_rest_is_kept(folder: Path):
    path = folder / "samples.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[:9], b'{"kind": "probe", "seq": "many"}\n', b"\xff\xfe\n", *lines[10:]]))
    run = read_run(folder)
    assert len(run.samples) == len(history().samples) - 1
    assert run.problems[0].startswith("samples.jsonl: line 10 cannot be read: probe: seq: ")
    assert run.problems[1].startswith("samples.jsonl: line 11 cannot be read: ")
    assert evaluate(run).verdict is Verdict.INCONCLUSIVE


def test_a_line_of_a_kind_from_elsewhere_is_named_in_short(folder: Path):
    path = folder / "journal.jsonl"
    path.write_bytes(path.read_bytes() + b'{"kind": "foreseen", "at": 3}\n')
    (said,) = read_run(folder).problems
    line = len(history().records) + 1
    assert said == f"journal.jsonl: line {line} cannot be read: it is of the kind 'foreseen', which is not known here"


def test_many_unreadable_lines_are_counted_not_listed(folder: Path):
    (folder / "journal.jsonl").write_bytes(b"nonsense\n" * 9)
    problems = read_run(folder).problems
    assert len(problems) == 4
    assert problems[-1] == "journal.jsonl: 9 lines cannot be read in all"


@pytest.mark.parametrize("name", ["plan.json", "journal.jsonl", "samples.jsonl"])
def test_a_missing_file_is_a_problem_and_never_a_pass(folder: Path, name: str):
    (folder / name).unlink()
    run = read_run(folder)
    assert run.problems == (f"{name} cannot be read: No such file or directory",)
    result = evaluate(run)
    assert result.verdict is Verdict.INCONCLUSIVE
    assert f"{name} cannot be read: No such file or directory" in [reason.text for reason in result.reasons]


@pytest.mark.parametrize("name", ["plan.json", "journal.jsonl", "samples.jsonl"])
@pytest.mark.parametrize("extra", [b"", b'"from_the_future": 1, '])
def test_a_newer_version_is_refused_by_name(folder: Path, name: str, extra: bytes):
    path = folder / name
    newer = path.read_bytes().replace(b'"version":1', b'"version":2').replace(b'"version": 1', b'"version": 2')
    path.write_bytes(newer.replace(b"{", b"{" + extra, 1))
    said = rf"{name}: written by a newer version of this program.*in run format 2; this one reads 1\. Judge it "
    with pytest.raises(UsageError, match=said):
        read_run(folder)


def test_of_another_version_s_folder_it_is_said_who_wrote_it_and_what_can_be_read(folder: Path):
    path = folder / "journal.jsonl"
    path.write_bytes(
        path.read_bytes()
        .replace(b'"version":1', b'"version":2')
        .replace(b'{"python"', b'{"drill_runner":"9.9","python"')
    )
    (folder / "report.html").write_text("x")
    with pytest.raises(UsageError, match=r"of this program, 9\.9, in run format 2.*is in \S+/run/report\.html$"):
        read_run(folder)


@pytest.mark.parametrize("name", ["plan.json", "journal.jsonl", "samples.jsonl"])
@pytest.mark.parametrize("gone", [b"", b'"no_longer_there": 1, '])
def test_an_older_version_is_refused_by_name(folder: Path, monkeypatch: pytest.MonkeyPatch, name: str, gone: bytes):
    monkeypatch.setattr("drill_runner.evaluate.history.RUN_VERSION", 3)
    monkeypatch.setattr("drill_runner.evaluate.history.OLDEST_RUN_VERSION", 2)
    for path in folder.glob("*.json*"):
        older = b"1" if path.name == name else b"3"
        path.write_bytes(re.sub(rb'"version": ?1', b'"version":' + older, path.read_bytes()))
    (folder / name).write_bytes((folder / name).read_bytes().replace(b"{", b"{" + gone, 1))
    with pytest.raises(
        UsageError, match=rf"{name}: written by an older version .*in run format 1; this one reads 2 to 3"
    ):
        read_run(folder)


def test_a_number_below_the_first_is_older_too(folder: Path):
    path = folder / "plan.json"
    path.write_bytes(path.read_bytes().replace(b'"version": 1', b'"version": 0'))
    with pytest.raises(UsageError, match=r"plan.json: written by an older version .*in run format 0; this one reads 1"):
        read_run(folder)


def test_an_older_layout_of_the_same_number_is_named_and_the_rest_is_kept(folder: Path):
    """As before the first release, when nobody counted."""
    path = folder / "plan.json"
    path.write_bytes(path.read_bytes().replace(b'"steady_s"', b'"quiet_s"'))
    run = read_run(folder)
    (said,) = run.problems
    assert said.startswith("plan.json is damaged, or of another unreleased layout: drill: quiet_s: Unexpected")
    result = evaluate(run)
    assert (result.verdict, result.run_id, len(run.samples)) == (Verdict.INCONCLUSIVE, "run", len(history().samples))


def test_what_is_no_run_folder_is_refused(tmp_path: Path):
    with pytest.raises(UsageError, match=r"nowhere: expected a run's folder"):
        read_run(tmp_path / "nowhere")
    with pytest.raises(UsageError, match=r"not a run's folder: expected plan.json"):
        read_run(tmp_path)
