"""A run folder that is damaged, incomplete or too new."""

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
    with pytest.raises(UsageError, match=rf"{name}: written by a newer version .*run format 2.*reads up to 1"):
        read_run(folder)


def test_what_is_no_run_folder_is_refused(tmp_path: Path):
    with pytest.raises(UsageError, match=r"nowhere: expected a run's folder"):
        read_run(tmp_path / "nowhere")
    with pytest.raises(UsageError, match=r"not a run's folder: expected plan.json"):
        read_run(tmp_path)
