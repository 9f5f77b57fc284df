"""The run's diary: intents before, facts after, each on disk before the next thing happens."""

import os
import threading
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self

from pydantic import TypeAdapter

from drill_runner.model.record import Record, RunEnded

RECORD: TypeAdapter[Record] = TypeAdapter(Record)


class Journal:
    """Append-only `journal.jsonl`. A record is on disk when `write` returns, so a crash never hides an intent."""

    def __init__(self, path: Path) -> None:
        """Make the file; FileExistsError if a run has it already."""
        self._records = 0
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o644)
        self._one = threading.Lock()
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def write(self, record: Record) -> None:
        """Append one record and wait for the disk; OSError (a full disk, for one) if it cannot be kept.

        Any thread may.
        """
        with self._one:
            self._records += 1  # also of one that the disk then does not take: it is missing, and the last one tells
            if isinstance(record, RunEnded):
                record = replace(record, records=self._records)
            line = RECORD.dump_json(record) + b"\n"
            while line:
                line = line[os.write(self._file, line) :]
            os.fsync(self._file)

    def __enter__(self) -> Self:
        """For `with`."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the file."""
        os.close(self._file)
