"""What is known of a kind's backups: one file for each kind, which facts, metrics and checks are made from."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from model_backup.settings import Settings


def now_utc() -> str:
    """Return the time in whole seconds, as all times of a status are written."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass(frozen=True)
class Status:
    """The last good backup, and why there is no newer one. Times are UTC; None says that it did not happen yet."""

    kind: str
    rpo_s: int
    last_run_utc: str | None = None
    last_success_utc: str | None = None
    snapshot: str | None = None
    files: int = 0
    bytes: int = 0
    duration_s: float = 0.0
    last_error: str | None = None
    """Of the last run, if it was not good."""
    manifest_sha256: str | None = None
    """Of the manifest that the last good backup followed: other weights need another backup."""
    copied_utc: str | None = None
    copied_snapshot: str | None = None
    copy_error: str | None = None
    """Why the last backup is not in the second repository."""
    fast_utc: str | None = None
    """When the fast tier was last found, or made, complete (weights)."""
    fast_error: str | None = None
    verified_utc: str | None = None
    """When the repository was last read and found right."""
    verify_error: str | None = None

    @classmethod
    def load(cls, settings: Settings, kind: str) -> Status:
        """Read a status; none, or one that nobody can read, is as if there was no backup yet."""
        rpo_s = settings.kind(kind).rpo_s
        known = {field.name for field in fields(cls)}
        try:
            said = json.loads(path_of(settings, kind).read_text())
            return cls(**{key: said[key] for key in known & said.keys()} | {"kind": kind, "rpo_s": rpo_s})
        except (OSError, ValueError, TypeError, AttributeError):
            return cls(kind, rpo_s)

    def age_s(self, now: datetime) -> float | None:
        """Seconds since the last good backup, or None without one."""
        made = self.last_success_utc
        return None if made is None else (now - datetime.fromisoformat(made)).total_seconds()


def load_all(settings: Settings) -> list[Status]:
    """Read the status of every kind."""
    return [Status.load(settings, kind.name) for kind in settings.kinds]


def path_of(settings: Settings, kind: str) -> Path:
    """Return the file of a kind's status."""
    return settings.state_dir / "status" / f"{kind}.json"
