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

    def __init__(self, path: Path, *, again: bool = False) -> None:
        """Make the file, or go on with one.

        Args:
            path: Of the file.
            again: It is that of a run whose runner died. A record that was cut off stays on a line of its own, where a
                reader finds it unreadable.

        Raises:
            FileExistsError: A run has it already, and not `again`.
        """
        before = path.read_bytes() if again and path.exists() else b""
        exclusive = 0 if again else os.O_EXCL
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | exclusive | os.O_APPEND | os.O_CLOEXEC, 0o644)
        self._one = threading.Lock()
        self._records = len(before.splitlines())
        if before and not before.endswith(b"\n"):
            os.write(self._file, b"\n")
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
