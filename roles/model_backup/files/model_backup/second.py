"""The second repository: every backup is copied there, so that one site may burn down."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from model_backup.errors import BackupError
from model_backup.repository import fill
from model_backup.restic import Restic
from model_backup.status import Status, now_utc
from model_backup.statuses import update

if TYPE_CHECKING:
    from model_backup.settings import Repository, Settings


def copy(settings: Settings, status: Status) -> Status:
    """Copy a kind's last good snapshot to the second repository, and keep how that went."""
    if settings.second is None or status.snapshot is None:
        return status
    restic = Restic(settings.second, settings.host)
    source = as_source(settings.repository)
    try:
        restic.reach()
        fill(settings, restic, source, status.snapshot)
    except BaseException as error:
        update(settings, status.kind, copy_error=str(error) or type(error).__name__)
        if isinstance(error, BackupError):
            raise BackupError(f"backed up, but not copied to the second repository: {error}") from error
        raise
    return update(settings, status.kind, copied_utc=now_utc(), copied_snapshot=status.snapshot, copy_error=None)


def as_source(repository: Repository) -> dict[str, str]:
    """Name the first repository in the environment of a restic that uses the second: its login has to be in the URL."""
    variables = repository.variables
    location, user = variables["RESTIC_REPOSITORY"], variables.get("RESTIC_REST_USERNAME")
    if location.startswith("rest:") and user:
        url = urlsplit(location.removeprefix("rest:"))
        login = f"{quote(user, safe='')}:{quote(variables.get('RESTIC_REST_PASSWORD', ''), safe='')}"
        location = "rest:" + url._replace(netloc=f"{login}@{url.netloc.rpartition('@')[2]}").geturl()
    return {"RESTIC_FROM_REPOSITORY": location, "RESTIC_FROM_PASSWORD": variables["RESTIC_PASSWORD"]}
