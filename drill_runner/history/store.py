"""`runs/history.sqlite`: a cache of what the results say, so that looking back over thousands of runs is quick.

Never the only copy. It is brought up to date whenever it is asked, by each result file's time and size, and made again
when it is damaged, of another version, or gone; where it cannot be written, it is kept in memory.
"""

import contextlib
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from drill_runner.errors import UsageError
from drill_runner.history.folders import RESULT, read_result, run_folders
from drill_runner.history.rows import row
from drill_runner.model.summary import RunRow

STORE = "history.sqlite"
STORE_VERSION = 1
BUSY_S = 5.0
_FOR_NOW = {
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
}
"""Somebody else has it, or it cannot be written: no reason to remove it."""
_ROW = TypeAdapter(RunRow)


def stored_rows(runs: Path) -> tuple[RunRow, ...]:
    """Every run in `runs` that has a readable result, the oldest first."""
    try:
        return _rows(runs, runs / STORE)
    except _UselessError as error:
        if error.for_good:
            _remove(runs)
    try:
        return _rows(runs, runs / STORE)
    except _UselessError:
        return _rows(runs, None)


class _UselessError(Exception):
    """The store cannot be used: for now, or for good."""

    def __init__(self, *, for_good: bool) -> None:
        super().__init__()
        self.for_good = for_good


def _remove(runs: Path) -> None:
    with contextlib.suppress(OSError):
        for ending in ("", "-journal", "-wal", "-shm"):
            (runs / f"{STORE}{ending}").unlink(missing_ok=True)


def _rows(runs: Path, path: Path | None) -> tuple[RunRow, ...]:
    with _opened(path) as store:
        _update(store, runs)
        texts = store.execute("SELECT row FROM runs ORDER BY run_id, folder").fetchall()
        try:
            return tuple(_ROW.validate_json(text) for (text,) in texts)
        except ValidationError as error:
            raise _UselessError(for_good=True) from error


@contextmanager
def _opened(path: Path | None) -> Iterator[sqlite3.Connection]:
    try:
        with closing(sqlite3.connect(path or ":memory:", timeout=BUSY_S)) as store, store:
            store.execute("BEGIN IMMEDIATE")
            (version,) = store.execute("PRAGMA user_version").fetchone()
            if version not in (0, STORE_VERSION):
                raise _UselessError(for_good=True)
            store.execute(
                "CREATE TABLE IF NOT EXISTS runs (folder TEXT PRIMARY KEY, run_id TEXT NOT NULL, "
                "changed_ns INTEGER NOT NULL, size INTEGER NOT NULL, row TEXT NOT NULL)"
            )
            store.execute(f"PRAGMA user_version = {STORE_VERSION}")
            yield store
    except sqlite3.Error as error:
        if path is None:
            raise
        raise _UselessError(for_good=_primary(error) not in _FOR_NOW) from error


def _primary(error: sqlite3.Error) -> int:
    """An extended code's lower byte is the code itself."""
    return getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF


def _update(store: sqlite3.Connection, runs: Path) -> None:
    known = {
        folder: (changed, size) for folder, changed, size in store.execute("SELECT folder, changed_ns, size FROM runs")
    }
    there = set()
    for folder in run_folders(runs).single:
        name = str(folder.relative_to(runs))
        try:
            stat = (folder / RESULT).stat()
            there.add(name)
            if known.get(name) == (stat.st_mtime_ns, stat.st_size):
                continue
            found = row(read_result(folder / RESULT))
        except (OSError, UsageError):  # not judged yet, or damaged: `list runs` says so
            there.discard(name)
            continue
        store.execute(
            "INSERT OR REPLACE INTO runs VALUES (?, ?, ?, ?, ?)",
            (name, found.run_id, stat.st_mtime_ns, stat.st_size, _ROW.dump_json(found).decode()),
        )
    store.executemany("DELETE FROM runs WHERE folder = ?", [(name,) for name in known.keys() - there])
