"""What holds for every command, and the exit codes."""

from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path


@dataclass(frozen=True)
class Settings:
    """The options that stand before the command's name."""

    project: Path | None
    debug: bool


class ExitCode(IntEnum):
    """What the shell gets to know."""

    PASSED = 0
    FAILED = 1
    REFUSED = 2
    INCONCLUSIVE = 3
    OWN_ERROR = 70
    INTERRUPTED = 130
