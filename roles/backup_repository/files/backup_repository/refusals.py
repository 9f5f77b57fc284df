"""Who was refused what: the server's log of requests, counted."""

from __future__ import annotations

import json
import re
import subprocess
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from backup_repository.settings import SEEN, Settings, UpkeepError, replace_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

UNIT = "restic-rest-server.service"
LINE = re.compile(
    r'(?P<address>[0-9a-fA-F.:]+) \S+ \S+ \[[^]]*\] "(?P<method>[A-Z]+) (?P<path>/\S*) [^"]*" (?P<status>\d{3}) '
)
"""A line of the combined log format."""
REFUSED = frozenset({400, 401, 403, 405, 413, 507})
"""Not allowed, not known, not whole, or no room: none of these comes up when a backup or a restore is well."""
OTHER = "(other)"
"""A path that is of no user's repository."""
MOST = 1000
"""Kinds of refusals that are told apart; more is an attack on the counter, and is counted as one kind."""


@dataclass(frozen=True, order=True)
class Kind:
    """Refusals that differ in nothing but when they were."""

    address: str
    repository: str
    method: str
    status: int


@dataclass(frozen=True)
class Seen:
    """All refusals since the store was set up, and how far the journal was read."""

    cursor: str | None = None
    since_utc: str | None = None
    last_utc: str | None = None
    """When the last refusal was counted."""
    refused: Counter[Kind] = field(default_factory=Counter)

    @classmethod
    def load(cls, path: Path = SEEN) -> Seen:
        """What was seen before; nothing, if there is no record yet."""
        try:
            said = json.loads(path.read_text())
        except FileNotFoundError:
            return cls()
        kinds = {Kind(*(item[name] for name in Kind.__dataclass_fields__)): item["count"] for item in said["refused"]}
        return cls(said["cursor"], said["since_utc"], said["last_utc"], Counter(kinds))

    def save(self, path: Path = SEEN) -> None:
        """Replace the record in one step."""
        refused = [vars(kind) | {"count": count} for kind, count in sorted(self.refused.items())]
        said: dict[str, Any] = {"cursor": self.cursor, "since_utc": self.since_utc, "last_utc": self.last_utc}
        replace_text(path, json.dumps(said | {"refused": refused}, indent=2) + "\n")


def count(lines: Iterable[str], users: Sequence[str]) -> Counter[Kind]:
    """Count the refusals among the server's log lines."""
    found: Counter[Kind] = Counter()
    for line in lines:
        match = LINE.match(line)
        if match and int(match["status"]) in REFUSED:
            owner = match["path"].split("/")[1].partition("?")[0]
            kind = Kind(match["address"], owner if owner in users else OTHER, match["method"], int(match["status"]))
            found[kind if kind in found or len(found) < MOST else Kind(OTHER, OTHER, OTHER, 0)] += 1
    return found


def journal(cursor: str | None) -> tuple[list[str], str | None]:
    """What the server has logged since, and where to go on; without a cursor, or one that is gone, all that is kept."""
    after = [f"--after-cursor={cursor}"] if cursor else []
    command = ["journalctl", f"--unit={UNIT}", "--output=json", "--output-fields=MESSAGE", "--no-pager", *after]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode and cursor:
        return journal(None)
    if done.returncode:
        raise UpkeepError(f"the journal cannot be read: {done.stderr.strip()}")
    entries = [json.loads(line) for line in done.stdout.splitlines()]
    lines = [entry["MESSAGE"] for entry in entries if isinstance(entry.get("MESSAGE"), str)]
    return lines, entries[-1]["__CURSOR"] if entries else cursor


def look(settings: Settings, path: Path = SEEN) -> tuple[Seen, Counter[Kind]]:
    """Count what was refused since the last look; return the record, and what is new in it."""
    before = Seen.load(path)
    lines, cursor = journal(before.cursor)
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    new = count(lines, settings.users)
    together = before.refused + new
    if len(together) > MOST:
        kept = Counter(dict(together.most_common(MOST - 1)))
        kept[Kind(OTHER, OTHER, OTHER, 0)] += together.total() - kept.total()
        together = kept
    seen = Seen(cursor, before.since_utc or now, now if new else before.last_utc, together)
    seen.save(path)
    return seen, new


def sentences(new: Counter[Kind]) -> Iterable[str]:
    """One line for the journal for each address and repository: whom to ask what that was."""
    for whom in sorted({(kind.address, kind.repository) for kind in new}):
        mine = {kind: number for kind, number in new.items() if (kind.address, kind.repository) == whom}
        what = ", ".join(f"{number} {kind.method} ({kind.status})" for kind, number in sorted(mine.items()))
        yield f"refused in the repository of {whom[1]}, asked from {whom[0]}: {what}"
