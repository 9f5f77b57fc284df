"""Are the files of the model volume what the manifest says?"""

from __future__ import annotations

import hashlib
import os
import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from llm_server_verify.settings import config

if TYPE_CHECKING:
    from pathlib import Path

THREADS = min(8, os.cpu_count() or 1)


def load_manifest() -> dict[str, str]:
    """Digest by file, from a list in `sha256sum`'s format."""
    lines = config("manifest.sha256").read_text().splitlines()
    return {name.lstrip("*"): digest for digest, name in (line.split(maxsplit=1) for line in lines if line.strip())}


def sha256_of(path: Path) -> str:
    """Digest of a file. hashlib lets other threads run meanwhile."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def signature(path: Path) -> tuple[int, ...]:
    """Changes with every ordinary write or replacement."""
    status = path.stat()
    return (status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def digest_problem(path: Path, expected: str) -> str | None:
    """What is wrong with one file."""
    try:
        found = sha256_of(path)
    except OSError as error:
        return f"{path.name}: {error.strerror}"
    return None if found == expected else f"{path.name}: SHA-256 begins with {found[:12]}, expected {expected[:12]}"


def digest_problems(models: Path) -> dict[str, str]:
    """What is wrong, by file, all files read now and in parallel."""
    manifest = load_manifest()
    with ThreadPoolExecutor(max_workers=THREADS) as pool:
        found = pool.map(lambda item: digest_problem(models / item[0], item[1]), manifest.items())
    return {name: problem for name, problem in zip(manifest, found, strict=True) if problem is not None}


def wait_for_digests(models: Path, wait_s: float) -> dict[str, str]:
    """The problems that are left after at most `wait_s`, in which somebody may put the right files in place.

    The files are read again only when they have changed, so a host with bad weights does not spend itself on hashing.
    """
    deadline = time.monotonic() + wait_s
    while problems := digest_problems(models):
        before = signatures(models)
        while signatures(models) == before:
            if time.monotonic() > deadline:
                return problems
            time.sleep(0.1)
    return problems


def signatures(models: Path) -> dict[str, tuple[int, ...] | None]:
    """Of every file in the manifest; None for one that cannot be looked at."""
    found: dict[str, tuple[int, ...] | None] = {}
    for name in load_manifest():
        try:
            found[name] = signature(models / name)
        except OSError:
            found[name] = None
    return found


@dataclass
class Checked:
    """A file as it was when it was last read in full."""

    signature: tuple[int, ...]
    expected: str
    at: float
    problem: Future[str | None]


@dataclass
class Digests:
    """Knows which files are good without reading them each time; reads in threads, and never holds up the rest."""

    models: Path
    max_age_s: float
    pool: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(max_workers=THREADS))
    seen: dict[str, Checked] = field(default_factory=dict)
    again: dict[str, Checked] = field(default_factory=dict)

    def problem(self, wait_s: float) -> str | None:
        """What is wrong now; a file that changed counts as wrong until it has been read, for which we wait `wait_s`."""
        problems = [self._file(name, expected, wait_s) for name, expected in load_manifest().items()]
        return next((text for text in problems if text is not None), None)

    def _file(self, name: str, expected: str, wait_s: float) -> str | None:
        path = self.models / name
        try:
            now = signature(path)
        except OSError as error:
            return f"{name}: {error.strerror}"
        known = self.seen.get(name)
        if known is None or known.signature != now or known.expected != expected:
            known = self.seen[name] = self._read(path, now, expected)
            self.again.pop(name, None)
        elif known.problem.done() and time.monotonic() - known.at > self.max_age_s:
            known = self._reread(name, path, known)
        try:
            return known.problem.result(timeout=wait_s)
        except TimeoutError:
            return f"{name}: being read"

    def _read(self, path: Path, now: tuple[int, ...], expected: str) -> Checked:
        return Checked(now, expected, time.monotonic(), self.pool.submit(digest_problem, path, expected))

    def _reread(self, name: str, path: Path, known: Checked) -> Checked:
        """The old word stands until the new reading is done."""
        fresh = self.again.get(name)
        if fresh is None:
            fresh = self.again[name] = self._read(path, known.signature, known.expected)
        if not fresh.problem.done():
            return known
        self.seen[name] = fresh
        del self.again[name]
        return fresh
