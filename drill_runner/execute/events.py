"""What ansible-runner's events say of faults, leases, evidence and backups.

Instants come from the events' own time stamps, which Ansible's process on this machine wrote when the thing happened;
they are carried over to the monotonic clock when the event arrives.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import fields
from datetime import datetime

from pydantic import TypeAdapter, ValidationError

from drill_runner.execute.told import Effect, EffectOn, LeaseFound, RenewalOn
from drill_runner.model.backup import Backup
from drill_runner.model.base import Interval
from drill_runner.model.evidence import HostEvidence, Told

LEASE_MODULE = "fault_lease"
LIST_MODULE = "fault_lease_info"
EVIDENCE_MODULE = "host_evidence"
FACTS_MODULE = "setup"
BACKUP_FACT = "model_backup"
"""The local fact that the role of this name offers."""


class Events:
    """Turns ansible-runner's events into what happened. Never raises: an exception here would end the playbook."""

    def __init__(self, on_task: Callable[[str], None]) -> None:
        """Nothing happened yet. `on_task` is told the name of each task as it starts."""
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
        """Take one in. True: ansible-runner shall keep it."""
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
        if isinstance(result, dict) and kind in {"runner_on_ok", "runner_item_on_ok", "runner_on_failed"}:
            action = str(details.get("task_action", "")).rpartition(".")[2]
            if action == LEASE_MODULE:
                self._effect(host, result, self._starts.get(key, at), at)
            if kind != "runner_on_failed":
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
                    # Another machine may hold it for the host that it breaks, and be asked for itself, too.
                    found = LeaseFound(host=str(one.get("host") or host), **told)
                    self.leases += [found] if found not in self.leases else []
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
