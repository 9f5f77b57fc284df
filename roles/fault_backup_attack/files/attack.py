#!/usr/bin/python3
"""Turns a host's own credentials on its backups: delete, overwrite, truncate, prune, and other hosts' repositories.

attack.py look | attack | proof | unlock

A file that nobody misses goes first. Where the store lets it be deleted or overwritten, that is the finding, and the
attack ends: what is worth keeping is not touched. It ends at the first request that was not refused, too.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shlex
import ssl
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

STATE = Path(os.environ["DRILL_LEASE_STATE"])
BEFORE, MADE = STATE / "before.json", STATE / "attack.json"
LIST = {"Accept": "application/vnd.x.restic.rest.v2"}
TYPES = ("snapshots", "keys", "index", "data")
"""Of files, the most hurtful first. Locks are left alone: whoever may add may remove them, or no backup would end."""
TIERS = ("", "chunks/")
"""Below a user's repository: restic's files, and plain chunks where the fast tier is in use."""
CANARY = b"drill_runner: this file is here to find out whether it can be taken away\n"
COPY = "MODEL_BACKUP_COPY_"
TIMEOUT_S = 10
RESTIC_WITHIN_S = 20
REFUSED, MOVED = range(400, 600), (301, 302, 307, 308)


class AttackError(Exception):
    """Why it was not done."""


def say(text: str) -> None:
    """Tell the lease's log."""
    sys.stdout.write(text + "\n")


@dataclass(frozen=True)
class Login:
    """One of the repositories that the host can write to."""

    variables: dict[str, str]

    @property
    def url(self) -> str:
        """Where it is, without a login."""
        return self.variables["RESTIC_REPOSITORY"].removeprefix("rest:")

    @property
    def base(self) -> str:
        """The user's path on the server."""
        return urlsplit(self.url).path.rstrip("/") + "/"

    def connect(self) -> HTTPConnection:
        """Connect as restic does: to nobody but the server that its authority vouches for."""
        url = urlsplit(self.url)
        if url.scheme == "http":
            return HTTPConnection(url.hostname or "", url.port or 8000, timeout=TIMEOUT_S)
        trust = ssl.create_default_context(cafile=self.variables.get("RESTIC_CACERT"))
        return HTTPSConnection(url.hostname or "", url.port or 8000, timeout=TIMEOUT_S, context=trust)

    def restic(self, *arguments: str, within_s: float = RESTIC_WITHIN_S) -> subprocess.CompletedProcess[str]:
        """Run restic with the host's own environment: no password is on its command line."""
        command = ["timeout", "--signal=INT", "--kill-after=5", str(within_s), "restic", "--no-cache", *arguments]
        environment = {"PATH": os.environ["PATH"], "HOME": str(STATE), **self.variables}
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def logins() -> list[Login]:
    """What the host's own environment file opens: the repository, and the second copy where there is one."""
    try:
        lines = Path(os.environ["CREDENTIALS"]).read_text().splitlines()
    except OSError as error:
        raise AttackError(f"no credentials to use: {error}; deploy model_backup first") from None
    pairs = dict(word.partition("=")[::2] for line in lines for word in shlex.split(line, comments=True))
    first = {key: value for key, value in pairs.items() if not key.startswith(COPY)}
    second = {key.removeprefix(COPY): value for key, value in pairs.items() if key.startswith(COPY)}
    found = [Login(first), Login(first | second)] if second.get("RESTIC_REPOSITORY") else [Login(first)]
    for login in found:
        if not login.variables.get("RESTIC_REPOSITORY", "").startswith("rest:http"):
            raise AttackError(f"{os.environ['CREDENTIALS']}: only repositories of the kind rest:https:// are attacked")
    return found


class Attacker:
    """Requests with one login over one connection, and what became of them."""

    def __init__(self, login: Login, made: Made) -> None:
        """Nothing was asked yet."""
        self._login, self._made = login, made
        self._connection = login.connect()
        user, password = (login.variables.get(f"RESTIC_REST_{name}", "") for name in ("USERNAME", "PASSWORD"))
        self._headers = {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}

    def ask(self, method: str, path: str, body: bytes | None = None) -> tuple[int, bytes]:
        """Send one request; return the status and the body."""
        for last in (False, True):
            try:
                self._connection.request(method, path, body, self._headers | LIST)
                answer = self._connection.getresponse()
                status, content, elsewhere = answer.status, answer.read(), answer.headers["Location"]
                # A detour is answered with the straight way: what counts is what comes of that.
                return self.ask(method, elsewhere, body) if elsewhere and status in MOVED else (status, content)
            except (OSError, HTTPException) as error:
                self._connection.close()  # a refused upload may end the connection: the next request opens another one
                if last:
                    raise AttackError(f"{self._login.url}: {type(error).__name__}: {error}") from None
        raise AssertionError

    def names(self, folder: str) -> list[str]:
        """The files of one type."""
        status, body = self.ask("GET", folder)
        return [item["name"] for item in json.loads(body or b"[]") or []] if status == 200 else []  # noqa: PLR2004

    def strike(self, method: str, path: str, body: bytes | None = None) -> None:
        """Send what must be refused; the first request that was not ends the attack."""
        status, _ = self.ask(method, path, body)
        self._made.count(self._login.url, method, status)
        if status not in REFUSED:
            self._made.succeeded.append(f"{method} {path}: {status}")
            raise StoreGaveWayError


class StoreGaveWayError(Exception):
    """Something was not refused: nothing further is done."""


class Made:
    """What was tried so far, kept where the proof and the checks look."""

    def __init__(self) -> None:
        """Nothing yet."""
        self.answers: Counter[tuple[str, str, int]] = Counter()
        self.succeeded: list[str] = []
        self.restic: dict[str, str] = {}
        self.done = False

    def count(self, url: str, method: str, status: int) -> None:
        """One more."""
        self.answers[url, method, status] += 1

    def save(self) -> None:
        """Replace the record in one step."""
        answers = [
            {"url": url, "method": method, "status": status, "count": count}
            for (url, method, status), count in sorted(self.answers.items())
        ]
        said = {"done": self.done, "succeeded": self.succeeded, "restic": self.restic, "answers": answers}
        draft = MADE.with_suffix(".new")
        draft.write_text(json.dumps(said, indent=2))
        draft.replace(MADE)


def canary(attacker: Attacker, base: str) -> None:
    """See with a file that nobody misses whether the store gives way. It is always the same, so there is one of it."""
    path = f"{base}data/{hashlib.sha256(CANARY).hexdigest()}"
    status, _ = attacker.ask("POST", path, CANARY)
    if status not in (200, 403):
        raise AttackError(f"{path}: {status}: this host cannot add to its own repository")
    attacker.strike("POST", path, CANARY + b"overwritten")
    attacker.strike("DELETE", path)


def every_file(attacker: Attacker, base: str, most: int) -> None:
    """Delete, overwrite and truncate what is there."""
    for kind in TYPES:
        for name in attacker.names(f"{base}{kind}/")[:most]:
            path = f"{base}{kind}/{name}"
            attacker.strike("DELETE", path)
            attacker.strike("POST", path, b"overwritten by who took this host over")
            attacker.strike("POST", path, b"")


def the_rest(attacker: Attacker, base: str, others: list[str]) -> None:
    """What opens the repository, all of it at once, and repositories of others, straight and by detours."""
    for path in (f"{base}config", base):
        attacker.strike("DELETE", path)
    attacker.strike("POST", f"{base}config", b"")
    for other in others:
        parent = base.rstrip("/").rpartition("/")[0]
        attacker.strike("GET", f"{parent}/{other}/config")
        attacker.strike("DELETE", f"{parent}/{other}/config")
        attacker.strike("POST", f"{parent}/{other}/?create=true")
        attacker.strike("GET", f"{base}..%2f{other}/config")


def forget(login: Login, made: Made, before: list[str]) -> None:
    """What a person would type: forget every snapshot and prune."""
    done = login.restic("forget", "--prune", *before)
    said = [line for line in (done.stderr + done.stdout).splitlines() if line.strip()] or ["said nothing"]
    refused = [line for line in said if "403" in line or "Forbidden" in line]
    made.restic[login.url] = f"exit {done.returncode}: {(refused or said)[-1]}"
    if before and done.returncode == 0:
        made.succeeded.append(f"restic forget --prune at {login.url}")
        raise StoreGaveWayError


def look() -> None:
    """Keep which snapshots there are; refuse where there is nothing to attack."""
    before: dict[str, list[str]] = {}
    for login in logins():
        done = login.restic("snapshots", "--no-lock", "--json", within_s=60)
        if done.returncode:
            lines = [line for line in done.stderr.splitlines() if line.strip()]
            raise AttackError(f"{login.url}: {lines[-1] if lines else f'restic exits with {done.returncode}'}")
        before[login.url] = sorted(item["id"] for item in json.loads(done.stdout) or [])
    if not any(before.values()):
        raise AttackError("there is no snapshot to attack: make a backup first")
    BEFORE.write_text(json.dumps(before))


def attack() -> None:
    """All of it, until it is done or the store gave way."""
    before = json.loads(BEFORE.read_text())
    made = Made()
    made.save()
    others = os.environ["OTHERS"].split() or ["somebody-else"]
    try:
        for login in logins():
            attacker = Attacker(login, made)
            canary(attacker, login.base)
            for tier in TIERS:
                every_file(attacker, login.base + tier, int(os.environ["FILES"]))
            the_rest(attacker, login.base, others)
            forget(login, made, before.get(login.url, []))
            made.save()
    except StoreGaveWayError:
        pass
    made.done = True
    made.save()


def proof() -> None:
    """Exit with 0 when the attack is over, and say what came of it."""
    try:
        made: dict[str, Any] = json.loads(MADE.read_text())
    except FileNotFoundError:
        raise AttackError("nothing was tried yet") from None
    if not made["done"]:
        raise AttackError("the attack is under way")
    statuses = Counter({item["status"]: 0 for item in made["answers"]})
    for item in made["answers"]:
        statuses[item["status"]] += item["count"]
    refused = sum(count for status, count in statuses.items() if status in REFUSED)
    if not refused and not made["succeeded"]:
        raise AttackError("no request was answered")
    told = ", ".join(f"{count} by {status}" for status, count in sorted(statuses.items()) if status in REFUSED)
    where = " and ".join(sorted({item["url"] for item in made["answers"]}))
    forgot = [f"restic forget: {text}" for text in made["restic"].values()]
    gave_way = [f"NOT REFUSED, and so the attack ended: {text}" for text in made["succeeded"]]
    say("; ".join([f"{refused} of {statuses.total()} requests to {where} were refused ({told})", *forgot, *gave_way]))


def unlock() -> None:
    """Remove what a restic that was killed may have left. What the store refuses to remove stays, and does no harm."""
    try:
        for login in logins() if BEFORE.exists() else []:
            done = login.restic("unlock")
            say(f"{login.url}: restic unlock: exit {done.returncode}")
    except (AttackError, OSError) as why:
        say(str(why))


if __name__ == "__main__":
    try:
        {"look": look, "attack": attack, "proof": proof, "unlock": unlock}[sys.argv[1]]()
    except AttackError as why:
        sys.exit(str(why))
