"""The audit log: append-only JSON lines, each bound to the one before it, so that a change shows.

It shows that lines were changed or taken out, not that the last ones were cut off, nor that somebody who may write the
file wrote it anew from there on: for that a copy, or the last line's digest, has to be kept elsewhere.
"""

import fcntl
import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from drill_runner.model.audit import AUDIT_VERSION, AuditEntry

ENTRY: TypeAdapter[AuditEntry] = TypeAdapter(AuditEntry)
FIRST = "0" * 64
CHUNK = 65536


def audit_path() -> Path:
    """`$XDG_STATE_HOME/drill_runner/audit.jsonl`."""
    named = Path(os.environ.get("XDG_STATE_HOME", ""))
    # The XDG specification: a path that is not absolute is as if it was not set.
    return (named if named.is_absolute() else Path.home() / ".local/state") / "drill_runner" / "audit.jsonl"


def append(path: Path, entry: Callable[[str], AuditEntry]) -> None:
    """Write one line and wait for the disk; whoever else writes waits for it.

    Args:
        path: The log; made, for its owner alone, if it is not there.
        entry: Makes the line from the digest of the one before it.

    Raises:
        OSError: It could not be kept.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
        last = _last_line(file)
        line = ENTRY.dump_json(entry(_digest(last) if last else FIRST)) + b"\n"
        if last and not last.endswith(b"\n"):  # of a writer that died: what it wrote stays, and shows
            line = b"\n" + line
        while line:
            line = line[os.write(file, line) :]
        os.fsync(file)
        _sync_folder(path.parent)
    finally:
        os.close(file)


@dataclass(frozen=True)
class AuditLog:
    """What the log says, and what is wrong with it."""

    entries: tuple[AuditEntry, ...]
    problems: tuple[str, ...]
    last_sha256: str
    """Of the last line: kept elsewhere, it shows that lines at the end are missing."""


def read_audit(path: Path) -> AuditLog:
    """Read the log and follow its chain; one that is not there is empty.

    Raises:
        OSError: It cannot be read.
    """
    lines = path.read_bytes().splitlines(keepends=True) if path.exists() else []
    entries, problems, before = [], [], FIRST
    for number, line in enumerate(lines, start=1):
        try:
            entry = ENTRY.validate_json(line)
        except ValidationError:
            problems.append(f"line {number} is not an entry of version {AUDIT_VERSION}: cut off, changed, or newer")
        else:
            entries.append(entry)
            if entry.previous != before:
                after = f"line {number - 1}" if number > 1 else "nothing"
                problems.append(f"line {number} does not follow on {after}: lines were changed or taken out")
        before = _digest(line)
    return AuditLog(entries=tuple(entries), problems=tuple(problems), last_sha256=before)


def _digest(line: bytes) -> str:
    return hashlib.sha256(line.rstrip(b"\n")).hexdigest()


def _last_line(file: int) -> bytes:
    """The last line, with its end if it has one; nothing of an empty file."""
    size = os.fstat(file).st_size
    length = CHUNK
    while True:
        length = min(length, size)
        tail = os.pread(file, length, size - length)
        start = tail[:-1].rfind(b"\n") + 1
        if start or length == size:
            return tail[start:]
        length *= 2


def _sync_folder(folder: Path) -> None:
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
