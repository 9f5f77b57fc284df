#!/usr/bin/python
# Copyright: the drill_runner authors
# SPDX-License-Identifier: Apache-2.0
"""What a host's own journal, systemd and load balancer know of a failure and the way back."""

from __future__ import annotations

DOCUMENTATION = r"""
module: host_evidence
short_description: When a model server went, started, verified, loaded and served, from the host's own records
version_added: 0.1.0
description:
  - Reads the journal of this boot and systemd's time stamps, and changes nothing.
  - All instants are of the host's C(CLOCK_MONOTONIC). An action plugin of the same name reads that clock several times
    between two readings of the controller's, so that instants of both can be compared within a bound.
  - Returns what it recognises and nothing else. No client's prompt, answer or key is in any of it.
options:
  seconds:
    description: How far to look back.
    type: float
    default: 600
  unit:
    description: The model server's systemd unit. It needs not exist.
    type: str
  container:
    description: The model server's container, whose output says when the engine is ready.
    type: str
  verifier:
    description: The systemd unit that says on its output whether the answers are right.
    type: str
  ready:
    description: Python expression that finds the engine's line of being ready; of llama.cpp's launcher and of vLLM.
    type: str
    default: '^serving \S+ at |Application startup complete'
  backend:
    description: HAProxy's name of the model servers' backend, on a load balancer.
    type: str
  restored:
    description: Folder of the records that the role C(model_backup) keeps of restores, one for each kind of data.
    type: path
attributes:
  check_mode:
    support: full
author: the drill_runner authors
"""

EXAMPLES = r"""
- name: Collect evidence on a model server
  host_evidence:
    unit: llm-server.service
    container: llm-server
    verifier: llm-server-verify.service

- name: Collect evidence on a load balancer
  host_evidence:
    backend: llm_servers
"""

RETURN = r"""
evidence:
  description: What was found.
  returned: always
  type: dict
  contains:
    exchanges:
      description: The host's clocks, each read between two instants of the controller's C(CLOCK_MONOTONIC).
      type: list
      elements: dict
      contains:
        asked: {description: The controller's instant before., type: float}
        answered: {description: The controller's instant after., type: float}
        monotonic: {description: The host's C(CLOCK_MONOTONIC)., type: float}
        realtime: {description: The host's C(CLOCK_REALTIME)., type: float}
    unit:
      description: The model server's unit; null without one. Instants that never were are null.
      type: dict
    events:
      description: In the journal's order.
      type: list
      elements: dict
      contains:
        kind: {description: What happened., type: str}
        at: {description: By when it had happened., type: float}
        since: {description: When its sender wrote it, where the sender says so; null else., type: float}
        server: {description: HAProxy's name of the server it happened to., type: str}
        text: {description: The line that says so., type: str}
    restored:
      description: Kinds of data that came back from a backup in that time. Instants by the host's C(CLOCK_REALTIME).
      type: list
      elements: dict
      contains:
        kind: {description: Its name., type: str}
        snapshot: {description: Where from., type: str}
        marker: {description: Number of the newest marker in the restored data., type: int}
        begun: {description: When the backup with that marker began., type: float}
        ended: {description: When it had read everything., type: float}
        restored: {description: When it was back., type: float}
        rpo_s: {description: What the host declares for this kind., type: float}
"""

import json
import re
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ansible.module_utils.basic import AnsibleModule

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    Entry = dict[str, str]
    Event = dict[str, Any]

TEXT = 300  # characters of a line that are kept
OK = 200
RESTORED = ("kind", "snapshot", "marker", "begun", "ended", "restored", "rpo_s")
FIELDS = (
    "MESSAGE,MESSAGE_ID,SYSLOG_IDENTIFIER,UNIT,_SYSTEMD_UNIT,_SOURCE_REALTIME_TIMESTAMP,"
    "CONTAINER_NAME,PODMAN_EVENT,PODMAN_NAME"
)
BY_MESSAGE_ID = {  # systemd's catalogue: sd-messages.h
    "98e322203f7a4ed290d09fe03c09fe15": "unit_exited",
    "5eb03494b6584870a536b337290809b3": "restart_scheduled",
    "7d4958e842da4a758f6c1cdc7b36dcc5": "unit_starting",
    "39f53479d3a045ac8e11786248231fbf": "unit_started",
}
BY_PODMAN_EVENT = {"init": "container_init", "start": "container_started"}
SERVER_STATE = re.compile(r"Server ([^/\s]+)/(\S+) (?:is|was) (?:going )?(UP|DOWN)\b")
TIMES = {
    "inactive_exit": "InactiveExitTimestampMonotonic",
    "main_start": "ExecMainStartTimestampMonotonic",
    "active_enter": "ActiveEnterTimestampMonotonic",
    "active_exit": "ActiveExitTimestampMonotonic",
    "inactive_enter": "InactiveEnterTimestampMonotonic",
}


def instants(entry: Entry) -> tuple[float, float | None]:
    """Instants at which a line arrived, and was written if its sender says so; seconds of CLOCK_MONOTONIC."""
    at = int(entry["__MONOTONIC_TIMESTAMP"]) / 1e6
    written = entry.get("_SOURCE_REALTIME_TIMESTAMP")
    if written is None:
        return at, None
    waited = (int(entry["__REALTIME_TIMESTAMP"]) - int(written)) / 1e6
    # A clock that was set between writing and arriving says nothing.
    return at, (at - waited if 0 <= waited < 1 else None)


def event(kind: str, entry: Entry, text: str, server: str | None = None) -> Event:
    """One event."""
    at, since = instants(entry)
    return {"kind": kind, "at": at, "since": since, "server": server, "text": text.strip()[:TEXT]}


def of_model_server(
    entries: Iterable[Entry], unit: str, container: str | None, verifier: str | None, ready: str
) -> Iterator[Event]:
    """Events of lines about a model server."""
    for entry in entries:
        text = entry["MESSAGE"]
        if entry.get("UNIT") == unit and entry.get("MESSAGE_ID") in BY_MESSAGE_ID:
            yield event(BY_MESSAGE_ID[entry["MESSAGE_ID"]], entry, text)
        elif entry.get("PODMAN_NAME") == container and entry.get("PODMAN_EVENT") in BY_PODMAN_EVENT:
            yield event(BY_PODMAN_EVENT[entry["PODMAN_EVENT"]], entry, f"container {entry['PODMAN_EVENT']} {container}")
        elif entry.get("CONTAINER_NAME") == container and re.search(ready, text):
            yield event("engine_ready", entry, text)
        elif entry.get("_SYSTEMD_UNIT") == verifier and (text == "up" or text.startswith("down ")):
            # What an engine answered is not repeated: only which of the two checks it failed.
            yield event("verdict_up" if text == "up" else "verdict_down", entry, " ".join(text.split()[:2]))


def of_load_balancer(entries: Iterable[Entry], backend: str) -> Iterator[Event]:
    """Events of HAProxy's lines: every change of a server's state, and the first good request to it after each."""
    waiting: set[str] = set()
    for entry in entries:
        text = entry["MESSAGE"]
        if text.startswith("{"):
            found = served(text, backend)
            if found and found["server"] in waiting:
                waiting.discard(found["server"])
                seen = event("request_served", entry, f"HTTP 200 in {found['active_ms']} ms", found["server"])
                yield dict(seen, since=seen["at"] - max(0, found["active_ms"]) / 1000)
        elif (state := SERVER_STATE.match(text)) and state.group(1) == backend:
            waiting.add(state.group(2))
            yield event(f"server_{state.group(3).lower()}", entry, text, state.group(2))
        elif (
            check := re.match(rf"(?:Health|Agent) check for server {re.escape(backend)}/(\S+) failed, (.*)", text)
        ) is not None:
            yield event("check_failed", entry, check.group(2), check.group(1))


def served(text: str, backend: str) -> Event | None:
    """A line of the ledger about a request that a server answered well; None else."""
    try:
        line = json.loads(text)
    except ValueError:
        return None
    return line if line.get("backend") == backend and line.get("status") == OK else None


def unit_times(name: str, shown: str, stepped: Sequence[Sequence[Any]]) -> dict[str, Any] | None:
    """What systemd knows of a unit: `systemctl show`, and busctl's `ExecStartPre`."""
    values = dict(line.split("=", 1) for line in shown.splitlines() if "=" in line)
    if values.get("LoadState") != "loaded":
        return None
    times = {key: int(values.get(field) or 0) / 1e6 or None for key, field in TIMES.items()}
    verify = next((step for step in stepped if step[0].endswith("/verify")), None)
    # A step: path, arguments, ignore, started in UTC, started, ended in UTC, ended (µs), PID, code (1: exited), status.
    passed = verify is not None and verify[6] > 0 and verify[8] == 1 and verify[9] == 0
    return {
        "name": name,
        "state": values["ActiveState"],
        "restarts": int(values.get("NRestarts") or 0),
        "verifies": verify is not None,
        "verified": verify[6] / 1e6 if verify is not None and passed else None,
        **times,
    }


def entries_of(lines: str) -> Iterator[Entry]:
    """Journal entries from `journalctl --output=json`; what is no text is left out."""
    for line in lines.splitlines():
        entry = json.loads(line)
        if isinstance(entry.get("MESSAGE"), str):
            yield entry


def output(*command: str) -> str:
    """What a command says; nothing if it fails, as with a unit that is not there, or a host without systemd."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout if done.returncode == 0 else ""


def journal(seconds: float, *matches: str) -> Iterator[Entry]:
    """Entries of this boot: of an earlier one the monotonic clock is another."""
    since = f"--since=@{time.time() - seconds:.0f}"
    shape = ("--boot", "--quiet", "--no-pager", "--output=json", f"--output-fields={FIELDS}")
    return entries_of(output("journalctl", *shape, since, *matches))


def matches(unit: str, container: str | None, verifier: str | None) -> Iterator[str]:
    """`journalctl`'s arguments for all lines about a model server, whoever wrote them."""
    yield from (f"_SYSTEMD_UNIT={unit}", "+", f"UNIT={unit}")
    if container:
        yield from ("+", f"CONTAINER_NAME={container}")
    if verifier:
        yield from ("+", f"_SYSTEMD_UNIT={verifier}")


def unit_of(name: str) -> dict[str, Any] | None:
    """The unit's time stamps as systemd has them."""
    wanted = ",".join(("LoadState", "ActiveState", "NRestarts", *TIMES.values()))
    path = "/org/freedesktop/systemd1/unit/" + re.sub(r"[^A-Za-z0-9]", lambda found: f"_{ord(found.group()):02x}", name)
    service = "org.freedesktop.systemd1"
    steps = output("busctl", "--json=short", "get-property", service, path, f"{service}.Service", "ExecStartPre")
    shown = output("systemctl", "show", "--property", wanted, name)
    return unit_times(name, shown, json.loads(steps)["data"] if steps else [])


def restored_since(folder: Path, since: float) -> Iterator[dict[str, Any]]:
    """The role's records of restores, one file for each kind. What is no such record is left out."""
    for path in sorted(folder.glob("*.json")):
        try:
            record = json.loads(path.read_text())
            kept = {key: record[key] for key in RESTORED}
        except (OSError, ValueError, KeyError, TypeError):
            continue
        if kept["restored"] >= since:
            yield kept


def main() -> None:
    """Collect."""
    text = {"type": "str"}
    module = AnsibleModule(
        argument_spec={
            "seconds": {"type": "float", "default": 600},
            "unit": text,
            "container": text,
            "verifier": text,
            "ready": {"type": "str", "default": r"^serving \S+ at |Application startup complete"},
            "backend": text,
            "restored": {"type": "path"},
        },
        supports_check_mode=True,
    )
    asked = module.params
    now = {"monotonic": time.monotonic(), "realtime": time.time()}
    events: list[Event] = []
    unit = None
    if asked["unit"]:
        unit = unit_of(asked["unit"])
        lines = journal(asked["seconds"], *matches(asked["unit"], asked["container"], asked["verifier"]))
        events += of_model_server(lines, asked["unit"], asked["container"], asked["verifier"], asked["ready"])
    if asked["backend"]:
        lines = journal(asked["seconds"], "SYSLOG_IDENTIFIER=haproxy")
        events += of_load_balancer(lines, asked["backend"])
    since = time.time() - asked["seconds"]
    restored = list(restored_since(Path(asked["restored"]), since)) if asked["restored"] else []
    told = {"exchanges": [], "unit": unit, "events": events, "restored": restored}
    module.exit_json(changed=False, evidence=told, clock=now)


if __name__ == "__main__":
    main()
