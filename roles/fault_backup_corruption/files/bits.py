#!/usr/bin/python3
"""Flips bits in files of a restic repository, and flips them back unless the files were replaced or moved meanwhile.

bits.py choose | flip | restore | proof

restic names each file by the SHA-256 of what is in it: whether one is wrong can be seen without any key.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import re
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

CHOSEN = Path(os.environ["DRILL_LEASE_STATE"]) / "bits.json"
STORE = Path("/srv/backup")
NAMED = re.compile("[0-9a-f]{64}")


class BitsError(Exception):
    """Why it was not done."""


@dataclass(frozen=True)
class Rot:
    """The bytes of one file that rot: offset, good byte, bad byte."""

    path: str
    inode: int
    """A file that was put in its place is somebody's repair."""
    flips: tuple[tuple[int, int, int], ...]


def say(text: str) -> None:
    """Tell the lease's log."""
    sys.stdout.write(text + "\n")


def right(path: Path) -> bool:
    """Whether a file holds what its name says."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == path.name


def victim(repository: Path, kind: str) -> Path:
    """The file of that kind that rots."""
    files = [path for path in (repository / kind).rglob("*") if NAMED.fullmatch(path.name) and path.is_file()]
    if not files:
        raise BitsError(f"{repository}/{kind} holds no file of restic's: make a backup first")
    if kind == "keys":
        return min(files, key=lambda path: (path.stat().st_mtime_ns, path.name))
    return max(files, key=lambda path: (path.stat().st_size, path.name))


def choose() -> None:
    """Choose files and bits, and keep what is there."""
    if not os.environ["REPOSITORY"]:
        raise BitsError("fault_backup_corruption_repository is empty: set it to the user whose backups rot")
    repository = STORE / os.environ["REPOSITORY"]
    if not (repository / "config").is_file():
        raise BitsError(f"{repository} is no restic repository")
    chosen = random.Random(int(os.environ["SEED"]))  # noqa: S311
    rots = []
    for kind in os.environ["KINDS"].split():
        path = victim(repository, kind)
        if not right(path):
            raise BitsError(f"{path} is wrong before anything was done to it")
        content = path.read_bytes()
        places = sorted(chosen.sample(range(len(content)), int(os.environ["BITS"])))
        flips = tuple((at, content[at], content[at] ^ 1 << chosen.randrange(8)) for at in places)
        rots.append(Rot(str(path), path.stat().st_ino, flips))
    CHOSEN.write_text(json.dumps([asdict(rot) for rot in rots]))


def kept() -> list[Rot]:
    """What was chosen."""
    return [
        Rot(said["path"], said["inode"], tuple(map(tuple, said["flips"]))) for said in json.loads(CHOSEN.read_text())
    ]


def write(path: Path, values: list[tuple[int, int]]) -> None:
    """Put bytes into the file as it is, and on disk; its times stay, as they do when a disk rots."""
    times, mode = path.stat(), path.stat().st_mode
    path.chmod(0o600)
    try:
        with path.open("r+b") as file:
            for offset, value in values:
                file.seek(offset)
                file.write(bytes([value]))
            file.flush()
            os.fsync(file.fileno())
    finally:
        path.chmod(mode & 0o7777)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def flip() -> None:
    """Break."""
    for rot in kept():
        write(Path(rot.path), [(offset, bad) for offset, _, bad in rot.flips])


def restore() -> None:
    """Repair what is still the same file with good or bad bytes in these places."""
    for rot in kept() if CHOSEN.exists() else []:
        path = Path(rot.path)
        if not path.exists() or path.stat().st_ino != rot.inode:
            say(f"{path} was replaced, moved or removed meanwhile: left alone")
            continue
        content = path.read_bytes()
        now = [content[offset] if offset < len(content) else None for offset, _, _ in rot.flips]
        if any(byte not in (good, bad) for byte, (_, good, bad) in zip(now, rot.flips, strict=True)):
            say(f"{path} is somebody else's by now: left alone")
            continue
        write(path, [(offset, good) for offset, good, _ in rot.flips])
        say(f"{path}: {len(rot.flips)} bits flipped back")


def proof() -> None:
    """Exit with 0 when no file holds any more what its name says."""
    good = [rot.path for rot in kept() if right(Path(rot.path))]
    if good:
        raise BitsError(f"{' and '.join(good)}: as it should be")
    told = ", ".join(f"{len(rot.flips)} bits of {rot.path}" for rot in kept())
    say(f"{told} are flipped: no SHA-256 is the file's name any more")


if __name__ == "__main__":
    try:
        {"choose": choose, "flip": flip, "restore": restore, "proof": proof}[sys.argv[1]]()
    except BitsError as why:
        sys.exit(str(why))
