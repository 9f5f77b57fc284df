"""Finding rot on the store's own disk without any key: files are named by the SHA-256 of what is in them."""

from __future__ import annotations

import hashlib
import os
import re
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

NAMED = re.compile("[0-9a-f]{64}")


def wrong(folder: Path) -> list[str]:
    """The files below a repository that do not hold what their names say, or cannot be read to their end."""
    files = sorted(path for path in folder.rglob("*") if NAMED.fullmatch(path.name) and path.is_file())
    with ThreadPoolExecutor(os.cpu_count()) as pool:  # hashlib lets other threads run
        return [
            str(path.relative_to(folder))
            for path, right in zip(files, pool.map(_right, files), strict=True)
            if not right
        ]


def _right(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == path.name
    except FileNotFoundError:
        return True  # a lock that was released, or a prune: it is nothing that rotted
    except OSError:
        return False
