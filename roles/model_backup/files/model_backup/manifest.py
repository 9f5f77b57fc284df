"""Which weights are wanted, and whether those that are there are right."""

from __future__ import annotations

import hashlib
import os
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from model_backup.errors import BackupError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

LINE = re.compile(rb"(?P<digest>[0-9a-f]{64}) [ *](?P<name>[^\n]+)")
"""As sha256sum writes it, and nothing that a flipped bit could make of that."""


def read(path: Path) -> dict[str, str]:
    """Read a manifest in the format of sha256sum: digest by file name, relative to the folder of the models."""
    try:
        lines = [LINE.fullmatch(line) for line in path.read_bytes().removesuffix(b"\n").split(b"\n")]
        entries = [(line["name"].decode(), line["digest"].decode()) for line in lines if line]
    except OSError as error:
        raise BackupError(f"no manifest to verify weights with: {error}; deploy llm_server first") from error
    except UnicodeDecodeError:
        lines, entries = [None], []
    if not all(lines):
        raise BackupError(f"{path} is not a list of SHA-256 digests")
    names = dict(entries)
    if outside := [name for name in names if Path(name).is_absolute() or ".." in Path(name).parts]:
        raise BackupError(f"{path} names files outside the folder of the models: {outside}")
    return names


def sha256(path: Path) -> str | None:
    """Return a file's digest, or None when it cannot be read to its end."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None


def wrong_files(folder: Path, manifest: Mapping[str, str], names: Iterable[str] | None = None) -> list[str]:
    """List the files that are missing, unreadable or not what they should be."""
    asked = list(manifest if names is None else names)
    with ThreadPoolExecutor(os.cpu_count()) as pool:  # hashlib lets other threads run
        digests = pool.map(lambda name: sha256(folder / name), asked)
        return [name for name, digest in zip(asked, digests, strict=True) if digest != manifest[name]]
