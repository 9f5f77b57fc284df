"""Of which chunks the weights consist: the table of contents of the fast tier.

It is archived by restic together with the weights. Nothing has to trust it: what it leads to is compared with the
manifest.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from model_backup.errors import BackupError

if TYPE_CHECKING:
    from pathlib import Path

    from model_backup.whole_digest import Digest


@dataclass(frozen=True)
class Chunked:
    """A file as a sequence of chunks, all of `chunk_bytes` but the last."""

    sha256: str
    bytes: int
    chunk_bytes: int
    chunks: tuple[str, ...]
    """SHA-256 of each, which is its name in the fast tier."""

    def size(self, index: int) -> int:
        """Bytes of one chunk."""
        return min(self.chunk_bytes, self.bytes - index * self.chunk_bytes)


def split(path: Path, chunk_bytes: int, also: Digest | None = None) -> Chunked:
    """Read a file once, for its own digest and those of its chunks, and for another digest of all of it."""
    whole, chunks, size = hashlib.sha256(), [], 0
    with path.open("rb") as file:
        while chunk := file.read(chunk_bytes):
            whole.update(chunk)
            if also:
                also.update(memoryview(chunk))
            chunks.append(hashlib.sha256(chunk).hexdigest())
            size += len(chunk)
    return Chunked(whole.hexdigest(), size, chunk_bytes, tuple(chunks))


def dumped(files: list[Chunked]) -> str:
    """Write a list as JSON."""
    return json.dumps({"version": 1, "files": [asdict(item) for item in files]}, indent=1) + "\n"


def parsed(text: str) -> dict[str, Chunked]:
    """Read a list: files by their digest."""
    try:
        said = json.loads(text)["files"]
        files = [Chunked(item["sha256"], item["bytes"], item["chunk_bytes"], tuple(item["chunks"])) for item in said]
    except (ValueError, KeyError, TypeError) as error:
        raise BackupError(f"the list of chunks cannot be read: {error}") from error
    return {item.sha256: item for item in files}


def kept(path: Path) -> dict[str, Chunked]:
    """Read the list that this host keeps; none, or one that cannot be read, is an empty one."""
    try:
        return parsed(path.read_text())
    except (OSError, BackupError):
        return {}
