#!/usr/bin/python3
"""Back up a model server's weights and configuration with restic, and bring the weights back.

Only weights whose SHA-256 stands in the manifest are archived, and only such weights are put in place: rot neither gets
into a backup that counts as good, nor out of one into service.

Settings come from the environment (/etc/model-backup/environment): restic's own, and those that `Settings` names.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import hashlib
import json
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

TAG = "model-backup"
LEFTOVER = ".model-restore"
REACH_TIMEOUT_S = 10
TRIES = 3  # snapshots, before a restore gives up
NOT_FRESH = 3  # exit code of `fresh`
SHA256 = re.compile("[0-9a-fA-F]{64}")
NO_REPOSITORY = 10  # restic's exit code
HINTS = {
    11: "the repository is locked by another client: see `restic list locks`, then `restic unlock`",
    12: "the password does not open this repository: compare RESTIC_PASSWORD with the one it was made with",
}


class BackupError(Exception):
    """Something that the operator has to know, in one sentence."""


@dataclass(frozen=True)
class Settings:
    """Where things are."""

    models_dir: Path
    manifest: Path
    paths: tuple[Path, ...]
    """What is backed up besides the weights."""
    state_dir: Path
    rpo_s: int
    host: str
    repository: str
    authority: str | None
    """File of the certificate authority that the repository's certificate has to come from."""

    @property
    def mine(self) -> tuple[str, ...]:
        """What restic is told to find this host's snapshots, and to mark them."""
        return ("--tag", TAG, "--host", self.host)

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> Settings:
        """Read the settings from an environment."""
        try:
            return cls(
                models_dir=Path(environment["MODEL_BACKUP_MODELS_DIR"]),
                manifest=Path(environment["MODEL_BACKUP_MANIFEST"]),
                paths=tuple(Path(item) for item in environment["MODEL_BACKUP_PATHS"].split(":")),
                state_dir=Path(environment["MODEL_BACKUP_STATE_DIR"]),
                rpo_s=int(environment["MODEL_BACKUP_RPO_S"]),
                host=environment["RESTIC_HOST"],
                repository=environment["RESTIC_REPOSITORY"],
                authority=environment.get("RESTIC_CACERT"),
            )
        except KeyError as missing:
            raise BackupError(f"{missing.args[0]} is not set: start this as model-backup.service") from None


@dataclass(frozen=True)
class Status:
    """What is known of the last good backup, and why there is no newer one."""

    last_success_utc: str | None = None
    snapshot: str | None = None
    files: int = 0
    bytes: int = 0
    duration_s: float = 0.0
    rpo_s: int = 0
    last_error: str | None = None
    manifest_sha256: str | None = None
    """Of the manifest that the last good backup followed: other weights need another backup."""

    @classmethod
    def load(cls, path: Path) -> Status:
        """Read the status; none, or one that nobody can read, is as if there was no backup yet."""
        try:
            return cls(**json.loads(path.read_text()))
        except (OSError, ValueError, TypeError):
            return cls()

    def save(self, path: Path) -> None:
        """Replace the status in one step: readers see the old one or the new one."""
        draft = path.with_name(f".{path.name}.new")
        with draft.open("w") as file:
            json.dump(asdict(self), file, indent=2)
            file.write("\n")
            file.flush()
            os.fsync(file.fileno())
        draft.chmod(0o644)
        draft.replace(path)


# --- weights ----------------------------------------------------------------------------------------------------------


def read_manifest(path: Path) -> dict[str, str]:
    """Read a manifest in the format of sha256sum: digest by file name, relative to the folder of the models."""
    try:
        lines = [line.split(maxsplit=1) for line in path.read_text().splitlines() if line.strip()]
    except OSError as error:
        raise BackupError(f"no manifest to verify weights with: {error}; deploy llm_server first") from error
    if not lines or not all(line[1:] and SHA256.fullmatch(line[0]) for line in lines):
        raise BackupError(f"{path} is not a list of SHA-256 digests")
    names = {name.removeprefix("*").strip(): digest.lower() for digest, name in lines}
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


def wrong_files(folder: Path, manifest: Mapping[str, str]) -> list[str]:
    """List the manifest's files that are missing, unreadable or not what they should be."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:  # hashlib lets other threads run
        digests = pool.map(lambda name: sha256(folder / name), manifest)
        return [name for name, digest in zip(manifest, digests, strict=True) if digest != manifest[name]]


def signatures(folder: Path, manifest: Mapping[str, str]) -> list[tuple[int, ...]]:
    """Return what changes with every ordinary write to a file or replacement of it."""
    found = [path.stat() for path in (folder / name for name in manifest) if path.exists()]
    return [(item.st_dev, item.st_ino, item.st_size, item.st_mtime_ns, item.st_ctime_ns) for item in found]


# --- restic -----------------------------------------------------------------------------------------------------------


def reach(repository: str, authority: str | None) -> None:
    """Say at once when a REST server cannot be reached or is not the one it should be: restic tries on for minutes."""
    url = urlsplit(repository.removeprefix("rest:"))
    if not repository.startswith("rest:") or not url.hostname:
        return
    server = f"{url.hostname}:{url.port or 8000}"
    try:
        with socket.create_connection((url.hostname, url.port or 8000), timeout=REACH_TIMEOUT_S) as connection:
            if url.scheme == "https":
                context = ssl.create_default_context(cafile=authority)
                context.wrap_socket(connection, server_hostname=url.hostname).close()
    except ssl.SSLError as error:
        raise BackupError(f"the certificate of the repository at {server} is not trusted: {error}") from error
    except OSError as error:
        raise BackupError(f"the repository at {server} cannot be reached: {error}") from error


def restic(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run restic; what it prints is for this program."""
    environment = os.environ | {"RESTIC_PROGRESS_FPS": "0.1"}
    return subprocess.run(
        ["restic", "--json", *arguments], env=environment, capture_output=True, text=True, check=False
    )


def checked(done: subprocess.CompletedProcess[str], doing: str) -> list[Any]:
    """Return the objects that restic printed, or say what went wrong."""
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        said = lines[-1] if lines else f"exit code {done.returncode}"
        with contextlib.suppress(ValueError, KeyError, TypeError):
            said = json.loads(said)["message"]
        hint = HINTS.get(done.returncode)
        raise BackupError(f"restic {doing}: {said.strip().splitlines()[0]}" + (f" ({hint})" if hint else ""))
    objects = []
    for line in done.stdout.splitlines():
        with contextlib.suppress(ValueError):
            objects.append(json.loads(line))
    return objects


def summary(objects: list[Any]) -> dict[str, Any]:
    """Find restic's summary of what it did."""
    return next((item for item in reversed(objects) if item.get("message_type") == "summary"), {})


# --- commands ---------------------------------------------------------------------------------------------------------


def refuse_empty(paths: tuple[Path, ...]) -> None:
    """Refuse a path that holds nothing: a backup of it would look like one."""
    for path in paths:
        held = (item for item in path.rglob("*") if not item.is_dir()) if path.is_dir() else iter([path])
        first = next(held, None)
        if first is None or not os.path.lexists(first):
            raise BackupError(f"{path} holds nothing: correct model_backup_paths, or put there what shall be kept")


def back_up(settings: Settings) -> Status:
    """Archive verified weights, manifest and configuration; return the new status."""
    started = time.monotonic()
    manifest = read_manifest(settings.manifest)
    refuse_empty(settings.paths)
    before = signatures(settings.models_dir, manifest)
    if rotten := wrong_files(settings.models_dir, manifest):
        raise BackupError(f"not archived: these weights do not match {settings.manifest}: {', '.join(rotten)}")
    weights = [str(settings.models_dir / name) for name in manifest]
    arguments = ["backup", *settings.mine, "--", *weights, *map(str, settings.paths)]
    reach(settings.repository, settings.authority)
    done = restic(*arguments)
    if done.returncode == NO_REPOSITORY:
        checked(restic("init"), "init")
        done = restic(*arguments)
    made = summary(checked(done, "backup"))
    if signatures(settings.models_dir, manifest) != before:
        raise BackupError(
            f"weights changed while they were archived: snapshot {made['snapshot_id'][:8]} is not a good one"
        )
    return Status(
        last_success_utc=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        snapshot=made["snapshot_id"],
        files=made["total_files_processed"],
        bytes=made["total_bytes_processed"],
        duration_s=round(time.monotonic() - started, 3),
        rpo_s=settings.rpo_s,
        manifest_sha256=sha256(settings.manifest),
    )


def backup(settings: Settings) -> dict[str, Any]:
    """Make a backup and keep the status, whatever happens."""
    path = settings.state_dir / "status.json"
    try:
        status = back_up(settings)
    except BaseException as error:
        why = str(error) or type(error).__name__
        replace(Status.load(path), last_error=why, rpo_s=settings.rpo_s).save(path)
        raise
    status.save(path)
    return asdict(status)


def why_not_fresh(status: Status, settings: Settings, now: datetime) -> str | None:
    """Say why the last backup does not do, or None when it does."""
    if status.last_success_utc is None:
        return "there is no backup yet"
    age_s = (now - datetime.fromisoformat(status.last_success_utc)).total_seconds()
    if not 0 <= age_s <= settings.rpo_s:
        return f"the last backup is {age_s:.0f} s old, more than {settings.rpo_s}"
    if status.manifest_sha256 != sha256(settings.manifest):
        return "the weights were changed since the last backup"
    return None


def fresh(settings: Settings) -> dict[str, Any]:
    """Exit with NOT_FRESH when a backup is due."""
    why = why_not_fresh(Status.load(settings.state_dir / "status.json"), settings, datetime.now(UTC))
    if why:
        sys.stdout.write(f"{why}\n")
        sys.exit(NOT_FRESH)
    return {"fresh": True}


def put_in_place(source: Path, target: Path, names: Mapping[str, str]) -> None:
    """Rename verified files to where they serve, each in one step and written through to the disk first."""
    for name in names:
        with (source / name).open("rb") as file:
            os.fsync(file.fileno())
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).replace(target / name)
        folder = os.open((target / name).parent, os.O_RDONLY)
        os.fsync(folder)
        os.close(folder)


def fetch(settings: Settings, snapshot: str, wanted: Mapping[str, str], draft: Path) -> bool:
    """Restore files into an empty draft folder and say whether they are right."""
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(mode=0o700)
    chosen = [word for name in wanted for word in ("--include", f"/{name}", "--path", str(settings.models_dir / name))]
    source = f"{snapshot}:{settings.models_dir}"
    checked(restic("restore", source, "--target", str(draft), *settings.mine, *chosen), "restore")
    return not wrong_files(draft, wanted)


def candidates(settings: Settings, snapshot: str, wanted: Mapping[str, str]) -> Iterator[str]:
    """Name the snapshots to try: `latest`, then those before it, for it may have been made while weights rotted."""
    yield snapshot
    if snapshot == "latest":
        paths = [word for name in wanted for word in ("--path", str(settings.models_dir / name))]
        listed = checked(restic("snapshots", *settings.mine, *paths), "snapshots")[0]
        older = sorted(listed, key=lambda item: str(item["time"]), reverse=True)[1:TRIES]
        yield from (item["id"] for item in older)


def restore(settings: Settings, snapshot: str) -> dict[str, Any]:
    """Bring the weights back from a snapshot, unless those that are there are right."""
    started = time.monotonic()
    manifest = read_manifest(settings.manifest)
    draft = settings.models_dir / LEFTOVER  # below the models: only the same file system can be renamed from
    shutil.rmtree(draft, ignore_errors=True)  # of a restore that was killed
    wrong = {name: manifest[name] for name in wrong_files(settings.models_dir, manifest)}
    report: dict[str, Any] = {"changed": bool(wrong), "restored": sorted(wrong), "snapshot": None, "bytes": 0}
    if wrong:
        reach(settings.repository, settings.authority)
        try:
            tries = candidates(settings, snapshot, wrong)
            report["snapshot"] = next((item for item in tries if fetch(settings, item, wrong, draft)), None)
            if report["snapshot"] is None:
                names = ", ".join(wrong)
                raise BackupError(f"snapshot {snapshot} does not hold the weights of {settings.manifest}: {names}")
            report["bytes"] = sum((draft / name).stat().st_size for name in wrong)
            put_in_place(draft, settings.models_dir, wrong)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    return report | {"duration_s": round(time.monotonic() - started, 3)}


@contextlib.contextmanager
def alone(path: Path) -> Iterator[None]:
    """Hold a lock that ends with this process, however it ends."""
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise BackupError(f"another {path.stem} is running") from None
        yield


def stop(number: int, _: object) -> NoReturn:
    """Turn a signal into an exception, so that nothing is left behind."""
    raise BackupError(f"stopped by {signal.Signals(number).name}")


def main(arguments: list[str] | None = None) -> int:
    """Run one command; print what it did as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("backup", help="archive verified weights and configuration")
    commands.add_parser("fresh", help=f"exit {NOT_FRESH} when a backup is due")
    commands.add_parser("restore", help="bring weights back").add_argument("--snapshot", default="latest")
    options = parser.parse_args(arguments)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, stop)
    try:
        settings = Settings.of(os.environ)
        if options.command == "fresh":
            report = fresh(settings)
        else:
            with alone(settings.state_dir / f"{options.command}.lock"):
                report = backup(settings) if options.command == "backup" else restore(settings, options.snapshot)
    except BackupError as error:
        sys.stderr.write(f"model-backup: {error}\n")
        return 1
    sys.stdout.write(json.dumps(report) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
