"""A file that is being made of chunks, in any order.

Chunks go to the disk past the page cache where the file system offers that: it saves a copy of everything and the
making of pages for it, which was a fourth of a restore's processor time on two cores. Who reads the file next finds it
on the disk; for weights that is the service, which compares every byte with the manifest before its engine starts.
"""

from __future__ import annotations

import contextlib
import errno
import mmap
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

ALIGNED = 4096
"""What O_DIRECT asks of address, offset and length in bytes; disks with smaller sectors ask for less."""


def buffer(size: int) -> memoryview:
    """Memory that begins at a page, as O_DIRECT wants it; `memoryview(view.obj)` is all of it again."""
    return memoryview(mmap.mmap(-1, max(size, 1)))[:size]


class Draft:
    """Made if it is not there; what an interrupted run has left in it stays."""

    def __init__(self, path: Path) -> None:
        """Open it. The folder has to exist."""
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        self._direct: int | None = None
        with contextlib.suppress(OSError):  # a file system that does not offer it
            self._direct = os.open(path, os.O_WRONLY | os.O_DIRECT | os.O_CLOEXEC)
        self.size = os.fstat(self._file).st_size
        """Bytes that were there."""

    def __enter__(self) -> Draft:
        """Return itself."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Close it."""
        for file in (self._file, self._direct):
            if file is not None:
                os.close(file)

    def read(self, into: memoryview, offset: int) -> bool:
        """Fill a buffer; False if the file ends before."""
        return read(self._file, into, offset)

    def write(self, part: memoryview, offset: int) -> None:
        """Write all of a part to its place."""
        done = self._write_direct(part, offset)
        if done == len(part):
            return
        rest, at = part[done:], offset + done
        _write(self._file, rest, at)
        # Linux begins to write the range to the disk now, so that the fsync at the end has little left to wait for.
        os.posix_fadvise(self._file, at, len(rest), os.POSIX_FADV_DONTNEED)

    def _write_direct(self, part: memoryview, offset: int) -> int:
        """Write what can be so, and say how much that was: all but the end, or less where more is asked for."""
        done, whole = 0, len(part) // ALIGNED * ALIGNED
        try:
            while self._direct is not None and done < whole:
                done += os.pwrite(self._direct, part[done:whole], offset + done)
        except OSError as error:
            if error.errno != errno.EINVAL:
                raise
        return done

    def cut(self, size: int) -> None:
        """End it there."""
        os.ftruncate(self._file, size)


def read(file: int, into: memoryview, offset: int) -> bool:
    """Fill a buffer from an open file; False if the file ends before."""
    done = 0
    while done < len(into):
        count = os.preadv(file, [into[done:]], offset + done)
        if count == 0:
            return False
        done += count
    return True


def _write(file: int, part: memoryview, offset: int) -> None:
    done = 0
    while done < len(part):
        done += os.pwrite(file, part[done:], offset + done)
