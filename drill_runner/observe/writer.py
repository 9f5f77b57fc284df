"""The one way into `samples.jsonl`."""

import os
from pathlib import Path

from pydantic import TypeAdapter

from drill_runner.errors import UsageError
from drill_runner.model.sample import Sample

SAMPLE: TypeAdapter[Sample] = TypeAdapter(Sample)


class SampleWriter:
    """Whole lines only, each handed to the kernel at once, so that a parent can follow and a crash costs one line."""

    def __init__(self, path: Path) -> None:
        """Make `path`, which must not exist."""
        self.lines = 0
        try:
            self._file = path.open("xb", buffering=0)
        except FileExistsError as error:
            raise UsageError(f"{path}: exists already; samples of two runs are never mixed") from error
        except OSError as error:
            raise UsageError(f"{path}: samples cannot be written: {error.strerror}") from error

    def write(self, sample: Sample) -> None:
        """Append one line."""
        self.lines += 1
        self._file.write(SAMPLE.dump_json(sample) + b"\n")

    def sync(self) -> None:
        """Wait until the disk has everything that was written."""
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Sync and close."""
        self.sync()
        self._file.close()
