"""What an operator has to know, in one sentence."""

from __future__ import annotations

import contextlib
import json


class BackupError(Exception):
    """One sentence that says what is wrong, and what to do where that is known."""


class NoRepositoryError(BackupError):
    """There is nothing where the repository should be."""


class LockedError(BackupError):
    """Another client holds the repository."""


class NoSnapshotError(BackupError):
    """The repository does not hold the snapshot that was asked for."""


class ChunkError(BackupError):
    """The fast tier does not have something, or not as it should be."""


NO_REPOSITORY, LOCKED, WRONG_PASSWORD = 10, 11, 12
"""restic's exit codes."""

GONE = ("no matching ID found", "no snapshot found")

FULL = "507 Insufficient Storage"
"""What the REST server answers when its disk, or its quota, is full."""

NO_SFTP = "unable to start the sftp session"
SSH = "subprocess ssh: "
"""What restic puts before each line of ssh's, which says why."""

CRASHES = ("panic: ", "fatal error: ")
"""How Go begins what it says of a crash. What follows is for restic's authors."""

SAID = (
    ((NO_SFTP,), "the repository cannot be reached over SFTP: as root on this host, see what ssh says to its address"),
    (("401 Unauthorized", "(401)"), "the repository does not let this host in: compare the login with the store's"),
    (("403 Forbidden", "(403)"), "the repository refuses that: it only takes additions"),
    (
        (FULL, "no space left", "413 Request Entity Too Large", "quota"),
        "the repository is full: make room on the store, or raise its quota",
    ),
    (
        (
            "ciphertext verification failed",
            "invalid data returned",
            "hash mismatch",
            "does not match",
            "repository contains errors",
            "is damaged",
            "has been damaged",
            "unexpected EOF",
            "invalid character",
            "not found in index",
            "file size does not match",
            "wrong hash",
            "pack header",
        ),
        "the repository is corrupted: restore from the second copy, and repair it on the store",
    ),
)
"""What restic's messages mean, the more certain first."""


def message(stderr: str, code: int) -> str:
    """Return restic's last message, of whichever kind: plain, or JSON."""
    lines = [line for line in stderr.splitlines() if line.strip()]
    said = lines[-1] if lines else f"exit code {code}"
    if crash := next((line for line in lines if line.startswith(CRASHES)), None):
        return f"it crashed: {crash}"
    if NO_SFTP in said and (by_ssh := [line.removeprefix(SSH) for line in lines if line.startswith(SSH)]):
        return by_ssh[-1]
    with contextlib.suppress(ValueError, KeyError, TypeError):
        said = str(json.loads(said)["message"])
    return said.strip().splitlines()[0]


def explained(code: int, stderr: str, doing: str, where: str) -> BackupError:
    """Say in one sentence why restic failed."""
    said = f"restic {doing}: {message(stderr, code)}"
    if code == NO_REPOSITORY:
        return NoRepositoryError(f"there is no repository at {where} ({said})")
    if code == LOCKED:
        return LockedError(f"the repository at {where} is locked by another client that lives: wait for it ({said})")
    if code == WRONG_PASSWORD:
        return BackupError(
            f"the password does not open the repository at {where}: compare model_backup_encryption_password with the "
            f"one that it was made with ({said})"
        )
    if any(words in stderr for words in GONE) or ("<snapshot/" in stderr and "does not exist" in stderr):
        return NoSnapshotError(f"the repository at {where} does not hold that snapshot ({said})")
    meaning = next((text for words, text in SAID if any(word in stderr for word in words)), None)
    return BackupError(f"{meaning} ({where}; {said})" if meaning else f"{said} ({where})")
