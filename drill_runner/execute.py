"""Runs playbooks through ansible-runner, and reads from its events what a drill needs to know.

Instants come from the events' own time stamps, which Ansible's process on this machine wrote when the thing happened;
they are carried over to the monotonic clock when the event arrives.
"""

import contextlib
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import fields
from datetime import datetime
from pathlib import Path
from typing import Literal

import ansible_runner
from pydantic import TypeAdapter, ValidationError

from drill_runner.model.backup import Backup
from drill_runner.model.base import Instant, Interval, Seconds, data
from drill_runner.model.evidence import HostEvidence, Told
from drill_runner.model.fault import Scalar

Status = Literal["successful", "failed", "timeout", "canceled", "error"]

LEASE_MODULE = "fault_lease"
LIST_MODULE = "fault_lease_info"
EVIDENCE_MODULE = "host_evidence"
FACTS_MODULE = "setup"
BACKUP_FACT = "model_backup"
"""The local fact that the role of this name offers."""
KEPT = ("stdout", "job_events")
"""Of ansible-runner's artifacts. Its `command` holds the caller's whole environment and is never kept."""


@data
class Effect:
    """What the module `fault_lease` says of a fault that it started."""

    shown: bool
    evidence: str
    age_min_s: Seconds
    """Seconds between the first proof of the effect and the module's answer."""
    age_max_s: Seconds
    """Seconds between the start of the break and the module's answer."""


@data
class EffectOn:
    """A fault's effect on one host, on the controller's clock."""

    host: str
    effect: Effect
    took_hold: Interval


@data
class RenewalOn:
    """The leases that go on by one answer of the module `fault_lease` for one host."""

    host: str
    leases: tuple[str, ...]


@data
class LeaseFound:
    """A fault that is armed or in effect, as the module `fault_lease_info` found it."""

    host: str
    id: str
    status: str
    fault: str = ""
    run: str = ""


@data
class PlaybookRun:
    """How a playbook ended."""

    status: Status
    rc: int
    started: Instant
    ended: Instant
    failures: tuple[str, ...] = ()
    """`host: task: message`, in the order in which they happened."""
    effects: tuple[EffectOn, ...] = ()
    evidence: tuple[HostEvidence, ...] = ()
    renewals: tuple[RenewalOn, ...] = ()
    leases: tuple[LeaseFound, ...] = ()
    backups: tuple[Backup, ...] = ()
    unreachable: frozenset[str] = frozenset()

    @property
    def ok(self) -> bool:
        """It did all that it was there for."""
        return self.status == "successful"


@data
class _EventResult:
    """The part of a task's result that is read here."""

    effect: Effect


class _Events:
    """Turns ansible-runner's events into what happened. Never raises: an exception here would end the playbook."""

    def __init__(self, on_task: Callable[[str], None]) -> None:
        self.failures: list[str] = []
        self.effects: list[EffectOn] = []
        self.evidence: list[HostEvidence] = []
        self.renewals: list[RenewalOn] = []
        self.leases: list[LeaseFound] = []
        self.backups: list[Backup] = []
        self.unreachable: set[str] = set()
        self._starts: dict[tuple[str, str], float] = {}
        self._on_task = on_task

    def __call__(self, event: Mapping[str, object]) -> bool:
        details = event.get("event_data")
        if not isinstance(details, dict):
            return True
        kind, at = str(event.get("event")), _monotonic(str(event.get("created")))
        host, task = str(details.get("host", "")), str(details.get("task", ""))
        key = (host, str(details.get("task_uuid", "")))
        result = details.get("res")
        if kind == "playbook_on_task_start":
            self._on_task(task)
        elif kind == "runner_on_start":
            self._starts[key] = at
        elif kind in {"runner_on_failed", "runner_on_unreachable"} and not details.get("ignore_errors"):
            self.failures.append(f"{host}: {task}: {_message(result)}")
        if kind == "runner_on_unreachable":
            self.unreachable.add(host)
        if isinstance(result, dict) and kind in {"runner_on_ok", "runner_on_failed"}:
            action = str(details.get("task_action", "")).rpartition(".")[2]
            if action == LEASE_MODULE:
                self._effect(host, result, self._starts.get(key, at), at)
            if kind == "runner_on_ok":
                self._learn(action, host, result)
        return True

    def _learn(self, action: str, host: str, result: Mapping[str, object]) -> None:
        """What one of the project's own modules said."""
        if action == LEASE_MODULE and isinstance(result.get("renewed"), list):
            self.renewals.append(RenewalOn(host=host, leases=tuple(map(str, _items(result, "renewed")))))
        elif action == LIST_MODULE:
            for one in _items(result, "leases"):
                if isinstance(one, dict):
                    told = {key: str(one.get(key) or "") for key in ("id", "status", "fault", "run")}
                    self.leases.append(LeaseFound(host=host, **told))
        elif action == EVIDENCE_MODULE:
            self._evidence(host, result)
        elif action == FACTS_MODULE:
            self._backups(host, result)

    def _effect(self, host: str, result: Mapping[str, object], started: float, ended: float) -> None:
        if not isinstance(result.get("effect"), dict):
            return
        try:
            effect = TypeAdapter(Effect).validate_python(result["effect"])
        except ValidationError as error:
            self.failures.append(f"{host}: {LEASE_MODULE} answered what is not an effect: {error.errors()[0]['msg']}")
            return
        # The answer was given inside [started, ended], and the break did not begin before the task did.
        upper = max(started, ended - effect.age_min_s)
        self.effects.append(EffectOn(host=host, effect=effect, took_hold=Interval(lower=started, upper=upper)))

    def _backups(self, host: str, result: Mapping[str, object]) -> None:
        """A host without backups has no such fact; one whose fact cannot be read must not look like it."""
        facts = result.get("ansible_facts")
        local = facts.get("ansible_local") if isinstance(facts, dict) else None
        told = local.get(BACKUP_FACT) if isinstance(local, dict) else None
        if told is None:
            return
        known = {field.name for field in fields(Backup)}
        try:
            for status in TypeAdapter(dict[str, dict[str, object]]).validate_python(told).values():
                kept = {key: status[key] for key in known & status.keys()}
                self.backups.append(TypeAdapter(Backup).validate_python(kept | {"host": host}))
        except ValidationError as error:
            self.failures.append(f"{host}: the local fact {BACKUP_FACT} is none of backups: {error.errors()[0]['msg']}")

    def _evidence(self, host: str, result: Mapping[str, object]) -> None:
        try:
            told = TypeAdapter(Told).validate_python(result.get("evidence"))
        except ValidationError as error:
            self.failures.append(f"{host}: {EVIDENCE_MODULE} answered what is no evidence: {error.errors()[0]['msg']}")
            return
        self.evidence.append(HostEvidence(host=host, told=told))


def run_playbook(
    root: Path,
    playbook: str,
    inventory: Path,
    *,
    variables: Mapping[str, Scalar],
    keep: Path | None = None,
    on_task: Callable[[str], None] = lambda _name: None,
    stop: Callable[[], bool] = lambda: False,
    timeout_s: float | None = None,
) -> PlaybookRun:
    """Run `playbooks/<playbook>.yml` and wait for it.

    Args:
        root: The project's folder.
        playbook: Its name, without folder and suffix.
        inventory: File or folder.
        variables: Extra variables; no secrets.
        keep: Folder, not yet there, for Ansible's output and events. None: they are not kept.
        on_task: Told the name of each task as it starts.
        stop: Asked all the time; True ends the playbook. What runs on hosts already goes on.
        timeout_s: Ends it likewise.
    """
    events = _Events(on_task)
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="drill_runner-") as private:
        runner = ansible_runner.run(
            private_data_dir=private,
            ident="run",
            project_dir=str(root),
            playbook=f"playbooks/{playbook}.yml",
            inventory=str(inventory),
            extravars=dict(variables),
            envvars=_environment(root),
            settings={"pexpect_timeout": 0.2},
            quiet=True,
            event_handler=events,
            cancel_callback=stop,
            timeout=None if timeout_s is None else max(1, int(timeout_s)),
        )
        status, rc = str(runner.status), runner.rc if isinstance(runner.rc, int) else 1
        # A playbook that is missing has no statistics, one whose patterns match nothing has empty ones: both "succeed".
        played = bool((runner.stats or {}).get("processed"))
        said = _last_line(Path(private, "artifacts", "run", "stdout"))
        if keep is not None:
            _keep(Path(private, "artifacts", "run"), keep)
    if status == "successful" and not played:
        status, rc = "error", rc or 1
        events.failures.append(f"{playbook}: it did nothing: no host matched")
    if not events.failures and status != "successful":
        events.failures.append(f"{playbook}: {said or status}")
    return PlaybookRun(
        status=TypeAdapter(Status).validate_python(status),
        rc=rc,
        started=started,
        ended=time.monotonic(),
        failures=tuple(events.failures),
        effects=tuple(events.effects),
        evidence=tuple(events.evidence),
        renewals=tuple(events.renewals),
        leases=tuple(events.leases),
        backups=tuple(events.backups),
        unreachable=frozenset(events.unreachable),
    )


def answering(root: Path, inventory: Path, pattern: str) -> frozenset[str]:
    """The hosts of `pattern` that answer over SSH and have a Python that works."""
    answered: set[str] = set()

    def take(event: Mapping[str, object]) -> bool:
        details = event.get("event_data")
        if event.get("event") == "runner_on_ok" and isinstance(details, dict):
            answered.add(str(details.get("host")))
        return True

    with tempfile.TemporaryDirectory(prefix="drill_runner-") as private:
        ansible_runner.run(
            private_data_dir=private,
            project_dir=str(root),
            module="ansible.builtin.ping",
            host_pattern=pattern,
            inventory=str(inventory),
            envvars=_environment(root),
            quiet=True,
            event_handler=take,
        )
    return frozenset(answered)


def _environment(root: Path) -> dict[str, str]:
    own = str(Path(sys.executable).parent)
    return {
        "ANSIBLE_CONFIG": str(root / "ansible.cfg"),
        # ansible-runner turns it off unless told otherwise.
        "ANSIBLE_HOST_KEY_CHECKING": "True",
        "ANSIBLE_FORCE_COLOR": "False",
        "ANSIBLE_NOCOLOR": "True",
        # A playbook ends with this process. ansible-runner puts its own folder behind this one.
        "ANSIBLE_CALLBACK_PLUGINS": str(root / "plugins" / "callback"),
        "DRILL_RUNNER_PID": str(os.getpid()),
        "PATH": os.pathsep.join([own, os.environ.get("PATH", os.defpath)]),
    }


def _keep(artifacts: Path, folder: Path) -> None:
    # A full disk must not stop a revert: how the playbook ended is known without its output.
    with contextlib.suppress(OSError):
        folder.mkdir(parents=True)
        for name in KEPT:
            if (artifacts / name).exists():
                shutil.move(artifacts / name, folder / name)


def _monotonic(created: str) -> float:
    now, utc = time.monotonic(), time.time()
    try:
        then = datetime.fromisoformat(created)
    except ValueError:
        return now
    return now - max(0.0, utc - then.timestamp())


def _items(result: Mapping[str, object], key: str) -> list[object]:
    found = result.get(key)
    return found if isinstance(found, list) else []


def _message(result: object) -> str:
    if not isinstance(result, dict):
        return "no message"
    parts = [str(result[key]) for key in ("msg", "stderr") if result.get(key)]
    text = ": ".join(dict.fromkeys(parts)) or str(result.get("censored") or "no message")
    return " ".join(text.split())[:500]


def _last_line(path: Path) -> str:
    lines = path.read_text(encoding="utf-8", errors="replace").strip().splitlines() if path.exists() else []
    return lines[-1].strip() if lines else ""
