#!/usr/bin/python
"""Ansible module: drain a server of HAProxy, let it in again, or change its weight, without a reload."""

from __future__ import annotations

import csv
import os
import socket
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: haproxy_server
short_description: Drain a server of HAProxy, let it in again, or change its weight
description:
  - Speaks to HAProxy's runtime API on its unix socket; nothing is reloaded and no connection is lost.
  - In contrast to M(community.general.haproxy) it has a check mode, waits to the tenth of a second, knows about agents,
    and keeps what it did for HAProxy's next start.
  - An agent's C(ready) would end a drain, so the agent is not asked while the server is drained. When the server is let
    in again it stays down until the agent has said that its answers are right.
options:
  backend:
    description: Name of the backend.
    type: str
    required: true
  server:
    description: Name of the server in it.
    type: str
    required: true
  state:
    description:
      - V(drain) takes the server out of the pool and lets open requests end.
      - V(ready) gives it back to its health check and its agent.
    type: str
    choices: [drain, ready]
  weight:
    description: Share of the load, 0 to 256.
    type: int
  wait_s:
    description:
      - With O(state=drain), seconds that open requests get to end; what is left then is cut.
      - With O(state=ready), seconds that the server gets to be found well; the module fails when it is not by then.
    type: float
    default: 0
  socket:
    description: The runtime API's socket, with level admin.
    type: path
    default: /run/haproxy/admin.sock
  state_file:
    description: HAProxy's C(server-state-file); written after a change, so that a crash does not undo a drain.
    type: path
attributes:
  check_mode:
    support: full
author:
  - drill_runner maintainers
"""

EXAMPLES = r"""
- name: Drain gpu1
  haproxy_server:
    backend: llm_servers
    server: gpu1
    state: drain
    wait_s: 30
"""

RETURN = r"""
before: &server
  description: The server as it was found.
  returned: always
  type: dict
  contains:
    drained: {description: Whether an operator took it out., type: bool}
    weight: {description: Its weight., type: int}
    status: {description: HAProxy's word for its state., type: str}
    sessions: {description: Open requests., type: int}
    why: {description: What the last check and the agent said., type: str}
after:
  <<: *server
  description: The server as it is left.
cut:
  description: Requests that were still open when the time to drain was over, and were cut.
  returned: always
  type: int
"""

FORCED_DRAIN = 0x08  # SRV_ADMF_FDRAIN of srv_admin_state
AGENT_CONFIGURED = 0x02  # CHK_ST_CONFIGURED of srv_agent_state
AGENT_ENABLED = 0x04  # CHK_ST_ENABLED of srv_agent_state
POLL_S = 0.1


@dataclass(frozen=True)
class Server:
    """What HAProxy knows of one server."""

    drained: bool
    weight: int
    status: str
    sessions: int
    why: str
    agent: bool | None
    """Whether its agent is asked; None when it has no agent."""


class NotFoundError(Exception):
    """HAProxy has no such backend or server."""


def read_server(backend: str, server: str, state: str, stat: str) -> Server:
    """Make one server's picture of the answers to ``show servers state`` and ``show stat``."""
    header, *rows = [line.lstrip("# ").split() for line in state.splitlines() if line.strip() and " " in line] or [[]]
    admin = next((row for row in (dict(zip(header, r, strict=False)) for r in rows) if row["srv_name"] == server), None)
    lines = csv.DictReader(stat.lstrip("# ").splitlines())
    live = next((row for row in lines if row["pxname"] == backend and row["svname"] == server), None)
    if admin is None or live is None:
        raise NotFoundError(f"HAProxy has no server {backend}/{server}")
    agent = int(admin["srv_agent_state"])
    return Server(
        drained=bool(int(admin["srv_admin_state"]) & FORCED_DRAIN),
        weight=int(admin["srv_uweight"]),
        status=live["status"],
        sessions=int(live["scur"]),
        why="; ".join(
            f"{key} {live[key]}" for key in ("check_status", "last_chk", "agent_status", "last_agt") if live[key]
        ),
        agent=bool(agent & AGENT_ENABLED) if agent & AGENT_CONFIGURED else None,
    )


def commands(name: str, now: Server, state: str | None, weight: int | None) -> list[str]:
    """List what has to be said to HAProxy, in order.

    Args:
        name: the server as ``backend/server``.
        now: the server as it is.
        state: ``drain``, ``ready`` or None for as it is.
        weight: the wanted weight or None for as it is.
    """
    todo = []
    if state == "drain":
        if now.agent:
            todo.append(f"disable agent {name}")
        if not now.drained:
            todo.append(f"set server {name} state drain")
    if state == "ready":
        if now.agent is False:
            todo += [f"enable agent {name}", f"set server {name} agent down"]
        if now.drained:
            todo.append(f"set server {name} state ready")
    if weight is not None and weight != now.weight:
        todo.append(f"set weight {name} {weight}")
    return todo


@dataclass(frozen=True)
class Haproxy:
    """The runtime API on a unix socket."""

    path: str

    def ask(self, command: str) -> str:
        """Send one line and return the answer."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(10)
            connection.connect(self.path)
            connection.sendall(command.encode() + b"\n")
            chunks = iter(lambda: connection.recv(65536), b"")
            return b"".join(chunks).decode().strip()

    def server(self, backend: str, server: str) -> Server:
        """Read one server."""
        return read_server(backend, server, self.ask(f"show servers state {backend}"), self.ask("show stat"))

    def save(self, path: Path) -> None:
        """Keep the servers' states for HAProxy's next start."""
        handle, draft = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(self.ask("show servers state") + "\n")
        Path(draft).replace(path)


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "backend": {"type": "str", "required": True},
            "server": {"type": "str", "required": True},
            "state": {"type": "str", "choices": ["drain", "ready"]},
            "weight": {"type": "int"},
            "wait_s": {"type": "float", "default": 0},
            "socket": {"type": "path", "default": "/run/haproxy/admin.sock"},
            "state_file": {"type": "path"},
        },
        required_one_of=[["state", "weight"]],
        supports_check_mode=True,
    )
    backend, server, state = (module.params[key] for key in ("backend", "server", "state"))
    haproxy = Haproxy(module.params["socket"])
    try:
        before = haproxy.server(backend, server)
        todo = commands(f"{backend}/{server}", before, state, module.params["weight"])
        if module.check_mode:
            module.exit_json(changed=bool(todo), before=asdict(before), after=asdict(before), cut=0)
        for command in todo:
            if answer := haproxy.ask(command):
                module.fail_json(msg=f"HAProxy refused '{command}': {answer}")
        if todo and module.params["state_file"]:
            haproxy.save(Path(module.params["state_file"]))

        after = haproxy.server(backend, server)
        deadline = time.monotonic() + module.params["wait_s"]
        while not settled(after, state) and time.monotonic() < deadline:
            time.sleep(POLL_S)
            after = haproxy.server(backend, server)
        cut = 0
        if not settled(after, state):
            if state == "ready" and module.params["wait_s"]:
                module.fail_json(
                    msg=f"{backend}/{server} was let in and is still {after.status}: {after.why}",
                    changed=bool(todo),
                    before=asdict(before),
                    after=asdict(after),
                )
            if state == "drain":
                haproxy.ask(f"shutdown sessions server {backend}/{server}")
                cut = after.sessions
    except (OSError, NotFoundError) as error:
        module.fail_json(msg=f"{haproxy.path}: {error}")
    module.exit_json(changed=bool(todo or cut), before=asdict(before), after=asdict(after), cut=cut)


def settled(server: Server, state: str | None) -> bool:
    """Say whether a server has arrived where it was sent."""
    if state == "drain":
        return server.sessions == 0
    return state != "ready" or server.status == "UP"


if __name__ == "__main__":
    main()
