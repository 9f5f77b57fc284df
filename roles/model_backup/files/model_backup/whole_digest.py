"""The digest of a whole file while it streams: SHA-256, or BLAKE3 where this host knows what that has to be.

A core without SHA instructions makes SHA-256 of 0.2 to 0.4 GB/s, less than a disk writes, and one file's cannot be made
by two cores. BLAKE3, by `b3sum`, costs a fifth of that. The manifest has SHA-256 only; so when this host reads its own
weights for the fast tier, it makes both of the same bytes, and keeps which BLAKE3 belongs to a SHA-256 that was right.
That file never leaves the host and is never restored: an archive is written with credentials that may be stolen.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import shutil
import subprocess
from typing import IO, TYPE_CHECKING, Protocol, cast

from model_backup.errors import ChunkError
from model_backup.files import replace_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

PROGRAM = "b3sum"
PIPE_BYTES = 1 << 20
"""As much as Linux lets anybody ask for: fewer turns between us and the program."""
HEX_DIGITS = 64


class DigestError(ChunkError):
    """The program that makes the digest failed."""


class Digest(Protocol):
    """What hashlib's objects are, too."""

    def update(self, data: memoryview, /) -> None:
        """Go on with some bytes."""

    def hexdigest(self) -> str:
        """End."""


class Blake3:
    """BLAKE3 of what streams through `b3sum`."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        """Use a program that was started, and waits for its input."""
        self._process = process
        self._into, self._out = cast("IO[bytes]", process.stdin), cast("IO[bytes]", process.stdout)
        with contextlib.suppress(OSError):  # the administrator's limit may be lower
            fcntl.fcntl(self._into, fcntl.F_SETPIPE_SZ, PIPE_BYTES)

    def update(self, data: memoryview, /) -> None:
        """Write to the program; other threads run meanwhile."""
        try:
            while data:
                data = data[self._into.write(data) :]
        except OSError as error:
            raise DigestError(f"{PROGRAM} ended early: {error}") from error

    def hexdigest(self) -> str:
        """Close its input and read what it says."""
        with contextlib.suppress(BrokenPipeError):  # its exit status says why
            self._into.close()
        said = self._out.read().decode(errors="replace").split(" ")[0]
        if self._process.wait() or len(said) != HEX_DIGITS:
            raise DigestError(f"{PROGRAM} failed with exit status {self._process.returncode}")
        return said


def available() -> bool:
    """Say whether this host has the program."""
    return shutil.which(PROGRAM) is not None


@contextlib.contextmanager
def blake3() -> Iterator[Digest]:
    """Give a digest whose program ends with the block, however that ends."""
    pipes = subprocess.PIPE
    with subprocess.Popen([PROGRAM], stdin=pipes, stdout=pipes, stderr=subprocess.DEVNULL, bufsize=0) as process:
        try:
            yield Blake3(process)
        finally:
            process.kill()  # does nothing to one that has ended


@contextlib.contextmanager
def sha256() -> Iterator[Digest]:
    """Give the digest that manifests have."""
    yield hashlib.sha256()


def kept(path: Path) -> dict[str, str]:
    """Read the BLAKE3 of files by their SHA-256; what cannot be read counts as nothing."""
    try:
        return {str(key): str(value) for key, value in json.loads(path.read_text()).items()}
    except (OSError, ValueError, AttributeError):
        return {}


def keep(path: Path, pairs: Mapping[str, str]) -> None:
    """Replace what is kept."""
    replace_text(path, json.dumps(pairs, indent=2) + "\n", 0o600)
