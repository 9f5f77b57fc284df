"""Running restic: passwords in its environment only, its answers as data, its failures as sentences."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import socket
import ssl
import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from model_backup.errors import FULL, BackupError, LockedError, explained

if TYPE_CHECKING:
    from collections.abc import Mapping

    from model_backup.settings import Repository

TAG = "model-backup"
REACH_TIMEOUT_S = 10
LOCK_WAIT = "30m"
"""How long to wait for a client that lives and holds the repository."""
PORTS = {"rest": (8000, 8000), "s3": (80, 443)}
"""What a kind of server listens on when its address does not say: without TLS, with TLS."""
MARKERS = 1


@dataclass(frozen=True)
class Made:
    """What a backup made."""

    snapshot: str
    files: int
    bytes: int
    read: int
    """Files that were read, since the parent did not hold them as they are; but for the marker, which is always new."""


@dataclass(frozen=True)
class Restic:
    """A repository, and the restic that talks to it."""

    repository: Repository
    host: str

    def mine(self, kind: str) -> tuple[str, ...]:
        """Options that mark a kind's snapshots of this host, and find them: the comma means both tags."""
        return ("--tag", f"{TAG},kind={kind}", "--host", self.host)

    def run(self, *arguments: str, extra: Mapping[str, str] | None = None) -> str:
        """Run restic and return what it printed. A lock whose client is dead is removed, and only such a one."""
        try:
            return self._run(*arguments, extra=extra)
        except LockedError:
            self._run("unlock")  # restic's own rule: of a dead process here, or not renewed for half an hour
            return self._run("--retry-lock", LOCK_WAIT, *arguments, extra=extra)

    def objects(self, *arguments: str) -> list[Any]:
        """Run restic and return the objects that it printed."""
        found = []
        for line in self.run("--json", *arguments).splitlines():
            with contextlib.suppress(ValueError):
                found.append(json.loads(line))
        return found

    def backup(self, kind: str, paths: list[str], parent: str | None) -> Made:
        """Archive paths. Without a parent that is known to be good, every file is read."""
        known = ("--parent", parent) if parent else ("--force",)
        said = self.objects("backup", *self.mine(kind), *known, "--", *paths)
        summary = next(item for item in reversed(said) if item.get("message_type") == "summary")
        return Made(
            snapshot=summary["snapshot_id"],
            files=summary["total_files_processed"],
            bytes=summary["total_bytes_processed"],
            read=summary["files_new"] + summary["files_changed"] - MARKERS,
        )

    def snapshots(self, kind: str) -> list[str]:
        """List the IDs of a kind's snapshots of this host, the newest first."""
        listed: list[Mapping[str, str]] = self.objects("snapshots", *self.mine(kind))[0]
        return [item["id"] for item in sorted(listed, key=lambda item: item["time"], reverse=True)]

    def reach(self) -> None:
        """Say at once when a server cannot be reached or is not the right one: restic tries on for minutes."""
        found = server(self.repository.location)
        if found is None:
            return
        at = f"{found.host}:{found.port}"
        try:
            no_bucket = found.bucket is not None and found.lacks(found.bucket, self.repository.authority)
            if found.bucket is None:
                found.greet(self.repository.authority)
        except FileNotFoundError as error:
            missing = f"{self.repository.authority}: no such file"
            raise BackupError(f"{missing}: without it, the repository at {at} is not trusted") from error
        except ssl.SSLError as error:
            raise BackupError(f"the certificate of the repository at {at} is not trusted: {error}") from error
        except (OSError, http.client.HTTPException) as error:
            raise BackupError(f"the repository at {at} cannot be reached: {error}") from error
        if no_bucket:
            raise BackupError(f"there is no bucket {found.bucket} at {at}: make it, or correct model_backup_repository")

    def _run(self, *arguments: str, extra: Mapping[str, str] | None = None) -> str:
        environment = {**os.environ, **self.repository.variables, **(extra or {}), "RESTIC_PROGRESS_FPS": "0.1"}
        code, stdout, stderr = _ended(["restic", *arguments], environment)
        if code:
            doing = next(word for word in arguments if word in COMMANDS)
            raise explained(code, stderr, doing, self.repository.location)
        return stdout


@dataclass(frozen=True)
class Server:
    """What a repository is behind."""

    host: str
    port: int
    tls: bool
    bucket: str | None = None
    """On an S3 server."""

    def greet(self, authority: str | None) -> None:
        """Connect, and see who it is."""
        with socket.create_connection((self.host, self.port), timeout=REACH_TIMEOUT_S) as connection:
            if self.tls:
                context = ssl.create_default_context(cafile=authority)
                context.wrap_socket(connection, server_hostname=self.host).close()

    def lacks(self, bucket: str, authority: str | None) -> bool:
        """Ask, as nobody in particular, whether there is such a bucket: one that is there refuses us, or answers."""
        connection = (
            http.client.HTTPSConnection(
                self.host, self.port, timeout=REACH_TIMEOUT_S, context=ssl.create_default_context(cafile=authority)
            )
            if self.tls
            else http.client.HTTPConnection(self.host, self.port, timeout=REACH_TIMEOUT_S)
        )
        with contextlib.closing(connection):
            connection.request("HEAD", f"/{bucket}")
            return connection.getresponse().status == http.client.NOT_FOUND


def server(location: str) -> Server | None:
    """Say which REST or S3 server a repository is behind; None for all others.

    Where a repository may be: https://restic.readthedocs.io/en/stable/030_preparing_a_new_repo.html
    """
    kind, _, where = location.partition(":")
    if kind not in PORTS:
        return None
    # An S3 server's scheme may be left out; it is https then.
    url = urlsplit(where if "://" in where else f"https://{where}")
    tls = url.scheme == "https"
    bucket = url.path.strip("/").partition("/")[0] if kind == "s3" else None
    return Server(url.hostname, url.port or PORTS[kind][tls], tls, bucket) if url.hostname else None


def _ended(words: list[str], environment: Mapping[str, str]) -> tuple[int, str, str]:
    """Run a program; return exit code, output and messages. By itself restic tries a full repository for minutes."""
    with (
        subprocess.Popen(words, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process,
        ThreadPoolExecutor(1) as pool,
    ):
        try:
            output = pool.submit(process.stdout.read if process.stdout else str)
            messages = []
            for line in process.stderr or ():
                messages.append(line)
                if FULL in line:
                    process.terminate()
            return process.wait(), output.result(), "".join(messages)
        except BaseException:
            process.kill()
            raise


COMMANDS = {"backup", "cat", "check", "copy", "dump", "init", "list", "restore", "snapshots", "unlock"}
