"""A run folder cut off at every byte of every file, and without each of its lines in turn: told of, never a pass."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from drill_runner.drill.folder import keep_evidence
from drill_runner.errors import UsageError
from drill_runner.evaluate import evaluate, read_run, to_json
from drill_runner.evaluate.history import History
from drill_runner.history import read_result, read_summary, row, summarise, summary_json
from drill_runner.model.evidence import Exchange, HostEvidence, Told
from drill_runner.model.record import Delay, DelayDrawn, EvidenceCollected
from drill_runner.model.result import Result, Verdict
from drill_runner.model.sample import ClockSample
from drill_runner.report import html, junit, markdown, text
from tests.unit.runs import BEGIN, LOOKS, counted, history, probes, records, streams, watched, write

LINES = ("journal.jsonl", "samples.jsonl", "evidence.jsonl")
FILES = (*LINES, "plan.json", "checks-steady_state.xml", "checks-postconditions.xml")


def a_run() -> History:
    """One that passes and has a line of nearly every kind."""
    clock = (ClockSample(at=BEGIN + second, late_s=0, utc_shift_s=0) for second in (1, 2))
    delay = DelayDrawn(at=BEGIN + 1, delay=Delay(seconds=0.4, span_s=10, seed=7, number=2))
    asked = EvidenceCollected(at=BEGIN + 5, hosts=("gpu2", "lb1"))
    first, *rest, last = records()
    seen = watched(probes(34), pool=LOOKS, clock=clock, streamed=streams(4))
    return counted(history(seen, records=(first, delay, *rest, asked, last), evidence=tuple(map(said, asked.hosts))))


def said(host: str) -> HostEvidence:
    exchange = Exchange(asked=BEGIN, answered=BEGIN + 0.01, monotonic=500, realtime=0)
    return HostEvidence(host=host, told=Told(exchanges=(exchange,), unit=None, events=()))


def left(folder: Path) -> Path:
    keep_evidence(write(a_run(), folder), a_run().evidence)
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return left(tmp_path / "20261124T101500Z-server_crash")


def told(folder: Path) -> tuple[History, Result]:
    """Read and judged, and written down in every format that is quick."""
    run = read_run(folder)
    result = evaluate(run)
    assert to_json(result)
    assert junit.render(result)
    assert markdown.render(result)
    return run, result


def cut(path: Path) -> Iterator[bytes]:
    """What is left of the file, cut off at every byte; its last line's end is the least that can be gone."""
    content = path.read_bytes()
    for size in range(len(content)):
        path.write_bytes(content[:size])
        yield content[:size]
    path.write_bytes(content)


def test_the_whole_folder_passes(folder: Path):
    """Else all that follows would hold for the wrong reason."""
    run, result = told(folder)
    assert (run.problems, result.verdict) == ((), Verdict.PASSED)
    assert sorted(path.name for path in folder.iterdir()) == sorted(FILES)


@pytest.mark.slow
@pytest.mark.parametrize("name", FILES)
def test_cut_off_at_any_byte_it_is_inconclusive_and_tells_what_is_left(folder: Path, name: str):
    whole, uncut = told(folder)[0], (folder / name).read_bytes()
    for content in cut(folder / name):
        run, result = told(folder)
        assert result.verdict is Verdict.INCONCLUSIVE, content[-80:]
        reasons = [reason.text for reason in result.reasons]
        ended_well = content.endswith(b"\n")
        assert ended_well or any(reason.startswith(name) for reason in reasons), content[-80:]
        lines = uncut.count(b"\n", 0, len(content) + 1)  # also one that lacks nothing but its end
        if name == "samples.jsonl":
            assert run.samples == whole.samples[:lines]
        elif name == "journal.jsonl":
            assert run.records == whole.records[:lines]
        if ended_well or not content:
            assert text.render(result)
            assert html.render(result, run.samples, run.plan)


@pytest.mark.parametrize("name", LINES)
def test_without_any_one_line_it_is_inconclusive_and_says_that_it_is_gone(folder: Path, name: str):
    lines = (folder / name).read_bytes().splitlines(keepends=True)
    for number, line in enumerate(lines):
        (folder / name).write_bytes(b"".join([*lines[:number], *lines[number + 1 :]]))
        _, result = told(folder)
        assert result.verdict is Verdict.INCONCLUSIVE, line
        reasons = " / ".join(reason.text for reason in result.reasons)
        missed = ("missing", "no line of", "cut off", "was not stopped as it should be")
        assert any(words in reasons for words in missed), (line, reasons)


@pytest.mark.parametrize("name", FILES)
def test_without_any_one_file_it_is_inconclusive_and_names_it(folder: Path, name: str):
    (folder / name).unlink()
    _, result = told(folder)
    assert result.verdict is Verdict.INCONCLUSIVE
    assert f"{name} cannot be read: No such file or directory" in [reason.text for reason in result.reasons]


def test_a_record_that_is_gone_proves_no_failure(folder: Path):
    """That the service came back stood in the very line that is missing."""
    path = folder / "journal.jsonl"
    path.write_bytes(b"".join(one for one in path.read_bytes().splitlines(keepends=True) if b'"whole"' not in one))
    _, result = told(folder)
    assert "1 of 20 lines of the journal are missing" in [reason.text for reason in result.reasons]
    assert [reason for reason in result.reasons if reason.verdict is Verdict.FAILED] == []


@pytest.mark.slow
def test_a_result_cut_off_at_any_byte_is_refused(folder: Path):
    path = folder / "result.json"
    path.write_text(to_json(evaluate(a_run())).rstrip())
    for _ in cut(path):
        with pytest.raises(UsageError, match=r"result.json: damaged; `drill_runner evaluate \S+` makes it again"):
            read_result(path)
    assert read_result(path).verdict is Verdict.PASSED


def test_a_summary_cut_off_at_any_byte_is_refused(tmp_path: Path):
    one = row(replace(evaluate(a_run()), measured=()))
    summary = summarise(
        "20261124T101500Z-server_crash-x1", "server_crash", "", [one], wanted=1, stopped=None, seed=7, span_s=10
    )
    path = tmp_path / "summary.json"
    path.write_text(summary_json(summary).rstrip())
    for _ in cut(path):
        with pytest.raises(UsageError, match=r"summary.json: damaged"):
            read_summary(path)
    assert read_summary(path) == summary
