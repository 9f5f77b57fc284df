#!/usr/bin/python3
"""Flips bytes among the tensors of a weights file, and flips them back unless the file was replaced meanwhile.

rot.py prepare FILE COUNT SEED [SHA256] | flip | restore | proof HEALTH_URL | loaded UNIT
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import struct
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import BinaryIO

STATE = Path(os.environ["DRILL_LEASE_STATE"]) / "rot.json"
GGUF_SCALARS = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
REPLACED = 3
GGUF_STRING, GGUF_ARRAY, GGUF_UINT32 = 8, 9, 4


class RotError(Exception):
    """Why it was not done."""


def say(text: str) -> None:
    """Tell the lease's log."""
    sys.stdout.write(text + "\n")


def number(file: BinaryIO, layout: str) -> int:
    """Read one little-endian integer."""
    (value,) = struct.unpack("<" + layout, file.read(struct.calcsize("<" + layout)))
    return int(value)


def skip(file: BinaryIO, kind: int) -> None:
    """Pass over one GGUF metadata value."""
    if kind == GGUF_STRING:
        file.seek(number(file, "Q"), os.SEEK_CUR)
    elif kind == GGUF_ARRAY:
        item, count = number(file, "I"), number(file, "Q")
        if item in GGUF_SCALARS:
            file.seek(GGUF_SCALARS[item] * count, os.SEEK_CUR)
        else:
            for _ in range(count):
                skip(file, item)
    else:
        file.seek(GGUF_SCALARS[kind], os.SEEK_CUR)


def gguf_tensors(file: BinaryIO) -> int:
    """Where the tensors begin in a GGUF file, whose magic was read already."""
    file.seek(4, os.SEEK_CUR)  # version
    tensors, pairs = number(file, "Q"), number(file, "Q")
    alignment = 32
    for _ in range(pairs):
        key = file.read(number(file, "Q"))
        kind = number(file, "I")
        if key == b"general.alignment" and kind == GGUF_UINT32:
            alignment = number(file, "I")
        else:
            skip(file, kind)
    for _ in range(tensors):
        skip(file, GGUF_STRING)
        dimensions = number(file, "I")
        file.seek(8 * dimensions + 4 + 8, os.SEEK_CUR)  # sizes, type, offset
    return -(-file.tell() // alignment) * alignment


def tensors_begin(path: Path) -> int:
    """Where the tensors begin: flipping what is before them would keep the engine from starting at all."""
    with path.open("rb") as file:
        if file.read(4) == b"GGUF":
            return gguf_tensors(file)
        if path.suffix == ".safetensors":
            file.seek(0)
            return 8 + number(file, "Q")
    raise RotError(f"{path} is neither a GGUF nor a safetensors file: nothing is known of its layout")


def volume(path: Path) -> str:
    """The mount point that holds `path`."""
    here = path.parent
    while not here.is_mount():
        here = here.parent
    return str(here)


def prepare(path: Path, count: int, seed: int, sha256: str) -> None:
    """Choose the bytes and keep what they are."""
    if sha256:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        if found != sha256:
            raise RotError(f"{path} has the SHA-256 {found} instead of {sha256} before anything was done to it")
    begin, size = tensors_begin(path), path.stat().st_size
    if not 0 < count <= size - begin:
        raise RotError(f"bytes: {count} must be between 1 and {size - begin}, the size of the tensors in {path}")
    chosen = random.Random(seed)  # noqa: S311
    flips = []
    with path.open("rb") as file:
        for offset in sorted(chosen.sample(range(begin, size), count)):
            file.seek(offset)
            good = file.read(1)[0]
            flips.append((offset, good, good ^ chosen.randint(1, 255)))
    STATE.write_text(json.dumps({"file": str(path), "volume": volume(path), "flips": flips}))


def state() -> tuple[Path, list[tuple[int, int, int]]]:
    """The file, and (offset, good byte, bad byte) of each flip."""
    kept = json.loads(STATE.read_text())
    path = Path(kept["file"])
    if not path.exists() and volume(path) != kept["volume"]:
        raise RotError(f"{path} cannot be reached: {kept['volume']} is not mounted")
    return path, [(offset, good, bad) for offset, good, bad in kept["flips"]]


def read(path: Path, flips: list[tuple[int, int, int]]) -> list[int | None]:
    """The bytes at the flips' places; None beyond the end."""
    found = []
    with path.open("rb") as file:
        for offset, _, _ in flips:
            file.seek(offset)
            byte = file.read(1)
            found.append(byte[0] if byte else None)
    return found


def write(path: Path, values: list[tuple[int, int]]) -> None:
    """Put bytes into the file as it is, and on disk."""
    with path.open("r+b") as file:
        for offset, value in values:
            file.seek(offset)
            file.write(bytes([value]))
        file.flush()
        os.fsync(file.fileno())


def flip() -> None:
    """Break."""
    path, flips = state()
    write(path, [(offset, bad) for offset, _, bad in flips])


def restore() -> None:
    """Repair, if every byte is one of the two that it can be. Exits with 3 when the file is somebody else's by now."""
    path, flips = state()
    found = read(path, flips) if path.exists() else [None] * len(flips)
    if any(now not in (good, bad) for now, (_, good, bad) in zip(found, flips, strict=True)):
        say(f"{path} was replaced or removed meanwhile: left alone")
        sys.exit(REPLACED)
    if any(now == bad for now, (_, _, bad) in zip(found, flips, strict=True)):
        write(path, [(offset, good) for offset, good, _ in flips])
        say(f"{path}: {len(flips)} bytes flipped back")
    else:
        say(f"{path}: all {len(flips)} bytes are good already")


def proof(health_url: str) -> None:
    """Exit with 0 when the file is wrong and the engine says that all is well."""
    path, flips = state()
    wrong = sum(now == bad for now, (_, _, bad) in zip(read(path, flips), flips, strict=True))
    if wrong != len(flips):
        raise RotError(f"{wrong} of {len(flips)} bytes are flipped in {path}")
    try:
        with urllib.request.urlopen(health_url, timeout=2) as answer:  # noqa: S310
            say(f"{wrong} bytes of {path} are wrong and {health_url} answers {answer.status}")
    except (urllib.error.URLError, OSError) as trouble:
        raise RotError(f"{wrong} bytes of {path} are wrong, and {health_url} says: {trouble}") from None


def loaded(unit: str) -> None:
    """Exit with 0 when `unit` was started after the file was last changed, as the kernel and systemd saw it."""
    path, _ = state()
    show = ["systemctl", "show", "--value", "--property=ExecMainStartTimestampMonotonic", unit]
    started = int(subprocess.run(show, stdout=subprocess.PIPE, text=True, check=True).stdout) / 1e6
    changed = path.stat().st_ctime - (time.time() - time.monotonic()) if path.exists() else 0.0
    if started <= changed:
        raise RotError(f"{unit} was started before {path} was last changed")


def main(verb: str, *words: str) -> None:
    """Do what the first word says."""
    if verb == "prepare":
        prepare(Path(words[0]).resolve(), int(words[1]), int(words[2]), words[3] if words[3:] else "")
    elif verb in ("proof", "loaded"):
        {"proof": proof, "loaded": loaded}[verb](words[0])
    else:
        {"flip": flip, "restore": restore}[verb]()


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except RotError as why:
        sys.exit(str(why))
