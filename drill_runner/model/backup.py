"""What hosts say of their own backups: the local fact of the role `model_backup`, one for each kind of data."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import AwareDatetime, Field

from drill_runner.model.base import data

State = Literal["fresh", "overdue", "failing", "never"]


@data
class Backup:
    """The last good backup of one kind of data on one host. None: it did not happen yet."""

    host: str
    kind: str
    """As `model_backup_kinds` names it."""
    rpo_s: Annotated[float, Field(gt=0)]
    """Declared: a backup that is older than this many seconds is overdue."""
    last_success_utc: AwareDatetime | None = None
    snapshot: str | None = None
    files: int = 0
    bytes: int = 0
    duration_s: float = 0.0
    last_error: str | None = None
    """Why there is no newer one."""
    copied_utc: AwareDatetime | None = None
    """When the second repository got it."""
    copy_error: str | None = None
    verified_utc: AwareDatetime | None = None
    """When the repository was last read and found right."""
    verify_error: str | None = None

    def age_s(self, now: datetime) -> float | None:
        """Seconds since the last good backup; None without one."""
        return None if self.last_success_utc is None else (now - self.last_success_utc).total_seconds()

    def state(self, now: datetime) -> State:
        """In one word: a failure counts, whatever the age of the last good one."""
        if self.last_error or self.copy_error or self.verify_error:
            return "failing"
        age = self.age_s(now)
        return "never" if age is None else "fresh" if age <= self.rpo_s else "overdue"

    @property
    def error(self) -> str | None:
        """What the operator has to know first."""
        return self.last_error or self.verify_error or self.copy_error
