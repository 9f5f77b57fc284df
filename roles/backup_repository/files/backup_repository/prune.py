"""Pruning by time, and only where nobody has tampered with time."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from backup_repository import chunks
from backup_repository.opened import LOCK_WAIT, Opened, key, repository
from backup_repository.settings import KEYS, PRUNED, Settings, UpkeepError, replace_text

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class Pruned:
    """How the last tries to prune one repository went."""

    last_success_utc: str | None = None
    snapshots: int = 0
    """Left by the last good prune."""
    removed: int = 0
    last_error: str | None = None
    """Why the last try failed; None when it did not."""
    chunks_removed: int = 0
    """Of the fast tier, by the last good prune."""


def load(path: Path = PRUNED) -> dict[str, Pruned]:
    """What is known of each user's repository; nothing, if nobody can read it."""
    try:
        return {user: Pruned(**said) for user, said in json.loads(path.read_text()).items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def prune_all(settings: Settings, users: tuple[str, ...], path: Path = PRUNED) -> dict[str, Pruned]:
    """Prune every user's repository; what is wrong with one keeps no other from it."""
    known = load(path)
    for user in users:
        found = repository(settings, user)
        if found is None:
            continue
        before = known.get(user, Pruned())
        try:
            opened = Opened(found, key(user))
            done = prune(settings, opened, datetime.now(UTC))
            known[user] = replace(done, chunks_removed=chunks.prune(opened))
        except UpkeepError as error:
            known[user] = Pruned(**asdict(before) | {"last_error": str(error)})
        replace_text(path, json.dumps({name: asdict(one) for name, one in known.items()}, indent=2) + "\n")
    return {user: known[user] for user in users if user in known}


def prune(settings: Settings, opened: Opened, now: datetime) -> Pruned:
    """Forget what the policy does not keep, and remove what nothing refers to."""
    opened.said("unlock")  # of locks whose client is gone; those that live are waited for
    forged = ahead(opened.said("snapshots")[0], now + timedelta(seconds=settings.clock_tolerance_s))
    if forged:
        raise UpkeepError(
            f"not pruned: snapshot {forged[0]['short_id']} of host {forged[0]['hostname']} says that it is of "
            f"{forged[0]['time'][:19]}, and {len(forged) - 1} more are ahead of this store's clock; what is kept would "
            "be counted from there. Find out who made them, then remove them: restic forget"
        )
    keep = [word for name, duration in settings.keep.items() for word in (f"--keep-{name.replace('_', '-')}", duration)]
    said = opened.said("forget", *keep, "--group-by", "host,tags", "--prune", "--retry-lock", LOCK_WAIT)
    groups = [group for item in said if isinstance(item, list) for group in item]
    return Pruned(
        last_success_utc=now.strftime("%Y-%m-%dT%H:%M:%SZ"),
        snapshots=sum(len(group["keep"] or ()) for group in groups),
        removed=sum(len(group["remove"] or ()) for group in groups),
    )


def ahead(snapshots: list[Any], limit: datetime) -> list[Any]:
    """The snapshots that claim to be of a time that has not come yet, the latest first."""
    found = [item for item in snapshots if datetime.fromisoformat(item["time"]) > limit]
    return sorted(found, key=lambda item: datetime.fromisoformat(item["time"]), reverse=True)


def keys() -> tuple[str, ...]:
    """The users whose repositories this store has a key to."""
    return tuple(sorted(path.name for path in KEYS.iterdir()))
