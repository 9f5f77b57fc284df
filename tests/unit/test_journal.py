import os

import pytest

from drill_runner.journal import RECORD, Journal
from drill_runner.model.plan import Phase
from drill_runner.model.record import PhaseEnded, PhaseStarted, Record, RunEnded


def test_a_record_is_on_disk_when_write_returns(tmp_path, monkeypatch):
    synced: list[int] = []
    real = os.fsync

    def fsync(handle: int) -> None:
        synced.append(handle)
        real(handle)

    monkeypatch.setattr(os, "fsync", fsync)
    path = tmp_path / "journal.jsonl"
    records: list[Record] = [
        PhaseStarted(at=1.5, phase=Phase.INJECT),
        PhaseEnded(at=2.5, phase=Phase.INJECT, problem="line\nbreak"),
    ]
    with Journal(path) as journal:
        folder_synced = len(synced)
        for record in records:
            journal.write(record)
    assert folder_synced == 1
    assert len(synced) == 3
    assert [RECORD.validate_json(line) for line in path.read_bytes().splitlines()] == records


def test_a_run_s_journal_is_never_written_over(tmp_path):
    path = tmp_path / "journal.jsonl"
    path.write_text("what was\n")
    with pytest.raises(FileExistsError):
        Journal(path)
    assert path.read_text() == "what was\n"


def test_a_full_disk_is_heard_of_and_the_last_record_counts_what_it_did_not_take(tmp_path):
    record = PhaseStarted(at=1.0, phase=Phase.INJECT)
    path = tmp_path / "journal.jsonl"
    with Journal(path) as journal:
        taken, journal._file = journal._file, os.open("/dev/full", os.O_WRONLY)
        with pytest.raises(OSError, match="No space left"):
            journal.write(record)
        os.close(journal._file)
        journal._file = taken
        journal.write(record)
        journal.write(RunEnded(at=2.0, utc="2026-11-24T10:15:06Z", reverted=True))
    _, ended = [RECORD.validate_json(line) for line in path.read_bytes().splitlines()]
    assert isinstance(ended, RunEnded)
    assert ended.records == 3


def test_a_dead_runner_s_journal_goes_on_after_what_was_cut_off(tmp_path):
    path = tmp_path / "journal.jsonl"
    with Journal(path) as journal:
        journal.write(PhaseStarted(at=1.0, phase=Phase.INJECT))
    path.write_bytes(path.read_bytes() + b'{"kind":"phase_st')
    with Journal(path, again=True) as journal:
        journal.write(RunEnded(at=2.0, utc="2026-11-24T10:15:06Z", reverted=True))
    first, torn, last = path.read_bytes().splitlines()
    assert RECORD.validate_json(first) == PhaseStarted(at=1.0, phase=Phase.INJECT)
    assert torn == b'{"kind":"phase_st'
    ended = RECORD.validate_json(last)
    assert isinstance(ended, RunEnded)
    assert ended.records == 3
