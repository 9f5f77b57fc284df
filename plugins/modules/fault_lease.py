#!/usr/bin/python
# Copyright: the drill_runner authors
# SPDX-License-Identifier: Apache-2.0
"""A fault on this machine that always ends."""

from __future__ import annotations

DOCUMENTATION = r"""
module: fault_lease
short_description: Break something for a limited time, with an undo that needs no controller
version_added: 0.1.0
description:
  - A fault is three shell scripts, O(inject), O(undo) and O(proof). This module arms the undo on the target, then
    breaks, proves the effect, and ends the fault again.
  - Whatever happens to the controller, the network or the one who holds the lease, the target itself runs O(undo) when
    O(limit_s) has passed, when the holder ends in any way, and at boot. An undo that fails is run again every second.
  - A lease's folder O(base)C(/)O(id) exists exactly as long as the fault may. The target removes it with its units once
    the undo has succeeded; its log stays in the journal of C(drill-lease-undo-ID.service).
  - A fault that takes its own target away is held on another machine, by delegating these tasks to it.
requirements:
  - C(flock) (util-linux) and coreutils on the target; systemd 249 or later for V(systemd)
options:
  id:
    description:
      - Name of the lease, unique on the machine that keeps it.
      - With O(state=absent) and no O(id), every lease on the machine ends, or those of O(host).
    type: str
  state:
    description:
      - V(armed) stages the scripts and the undo. Nothing is broken yet. It ends by itself when it is not held within
        O(limit_s), or not renewed within O(renew_within_s).
      - V(held) breaks, and waits until O(proof) exits with 0. It fails, and has undone the fault, when that does not
        come in time, when O(inject) fails, or when O(proof) held before anything was broken.
      - V(renewed) lets the lease O(id) last for another O(renew_within_s), or every lease of O(run) when there is no
        O(id). One that has ended is no error.
      - V(absent) ends the fault and waits until its undo has succeeded. There may be no such lease.
    type: str
    choices: [armed, held, renewed, absent]
    required: true
  fault:
    description: Name of the fault. Required with O(state=armed).
    type: str
  run:
    description:
      - Who asks for it, for the people who find the lease on the machine.
      - With O(state=renewed) and no O(id), the leases of this one are renewed.
    type: str
    default: by hand
  host:
    description:
      - Inventory name of the host that is broken. Required with O(state=armed).
      - With O(state=absent) or O(state=renewed) and no O(id), only leases of this host are meant.
    type: str
  limit_s:
    description: The fault is undone when it has lasted so long, in seconds. Required with O(state=armed).
    type: float
  renew_within_s:
    description:
      - With O(state=armed), the fault is undone as well when nobody has renewed the lease for so long, in seconds. So
        it ends soon after its controller died or was cut off, however long it was meant to last.
      - With 0, nobody has to.
    type: float
    default: 0
  inject:
    description: POSIX shell that breaks. All scripts run as root under C(set -eu). Required with O(state=armed).
    type: str
  undo:
    description:
      - POSIX shell that repairs what O(inject) did. Required with O(state=armed).
      - It must be safe after an O(inject) that was cut short anywhere, and after itself.
    type: str
  proof:
    description:
      - POSIX shell that exits with 0 when the effect is there, and says on its output what it saw. Required with
        O(state=armed). It is run many times, so it must be quick and change nothing.
    type: str
  prepare:
    description: POSIX shell that is run once while arming, for all that is slow. It must break nothing.
    type: str
    default: ""
  env:
    description: Environment variables for the scripts, value by name. Not for secrets.
    type: dict
    default: {}
  files:
    description:
      - Files to put into the folder that C(DRILL_LEASE_STATE) names in every script, content by name, mode 0600.
      - The place for what must not stand in a script, such as a password.
    type: dict
    default: {}
  keeper:
    description:
      - Who holds the lease.
      - V(process) is a detached process, for a machine without systemd. It survives the controller, not a reboot.
      - V(auto) takes V(systemd) where systemd runs.
    type: str
    choices: [auto, systemd, process]
    default: auto
  base:
    description: Folder of all leases of this machine.
    type: str
    default: /var/lib/drill-lease
  proof_within_s:
    description: How long the proof of the effect may take with O(state=held), in seconds.
    type: float
    default: 10
  undo_within_s:
    description:
      - How long to wait for the undo to succeed, in seconds.
      - With O(state=armed), how long to wait for somebody else who arms or ends this lease.
    type: float
    default: 60
attributes:
  check_mode:
    support: full
    description: Says whether something would be armed, broken or ended.
author: the drill_runner authors
"""

EXAMPLES = r"""
- name: Arm a stopped time service
  fault_lease:
    id: ntp-1
    state: armed
    fault: time_service_stop
    host: "{{ inventory_hostname }}"
    limit_s: 300
    inject: systemctl stop chrony.service
    undo: systemctl start chrony.service
    proof: |
      ! systemctl is-active chrony.service

- name: Break it, and prove it
  fault_lease:
    id: ntp-1
    state: held

- name: Let it last as long again
  fault_lease:
    id: ntp-1
    state: renewed

- name: End it
  fault_lease:
    id: ntp-1
    state: absent

- name: End every lease on this machine
  fault_lease:
    state: absent
"""

RETURN = r"""
effect:
  description: How the target proved the fault. Ages are measured on the target's CLOCK_MONOTONIC, back from the answer.
  returned: state is held
  type: dict
  contains:
    shown:
      description: Whether the proof succeeded in time.
      type: bool
    evidence:
      description: What the proof said.
      type: str
    age_min_s:
      description: Seconds since the proof had first succeeded. The effect is at least as old.
      type: float
    age_max_s:
      description: Seconds since inject was started. The effect is at most as old.
      type: float
  sample: {shown: true, evidence: "process 4711 is gone", age_min_s: 0.004, age_max_s: 0.061}
renewed:
  description: The leases that go on.
  returned: state is renewed
  type: list
  elements: str
  sample: [ntp-1]
ended:
  description: The leases that were found and whose undo has succeeded.
  returned: state is absent
  type: list
  elements: str
  sample: [ntp-1]
folder:
  description: Where the lease is kept.
  returned: state is armed
  type: str
"""

import inspect
import re
import signal
import time
from pathlib import Path
from typing import Any

from ansible.module_utils import lease_process
from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.lease import DEFAULT_BASE, Lease, LeaseError, Scripts, Terms, all_leases, uptime_s
from ansible.module_utils.lease_keepers import ProcessKeeper, SystemdKeeper, systemd_runs
from ansible.module_utils.lease_life import arm, await_effect, await_end, prove, staged

BEGAN = uptime_s()
"""When the controller asked, but for the way here. It may be dead by now, and only lets faults last from then on."""

ARGUMENTS: dict[str, dict[str, Any]] = {
    "id": {"type": "str"},
    "state": {"type": "str", "choices": ["armed", "held", "renewed", "absent"], "required": True},
    "fault": {"type": "str"},
    "run": {"type": "str", "default": "by hand"},
    "host": {"type": "str"},
    "limit_s": {"type": "float"},
    "renew_within_s": {"type": "float", "default": 0.0},
    "inject": {"type": "str"},
    "undo": {"type": "str"},
    "proof": {"type": "str"},
    "prepare": {"type": "str", "default": ""},
    "env": {"type": "dict", "default": {}},
    "files": {"type": "dict", "default": {}, "no_log": True},
    "keeper": {"type": "str", "choices": ["auto", "systemd", "process"], "default": "auto"},
    "base": {"type": "str", "default": DEFAULT_BASE},
    "proof_within_s": {"type": "float", "default": 10.0},
    "undo_within_s": {"type": "float", "default": 60.0},
}
ENV_NAME = re.compile(r"[A-Z][A-Z0-9_]*")
REQUIRED = [
    ("state", "armed", ["id", "fault", "host", "limit_s", "inject", "undo", "proof"]),
    ("state", "held", ["id"]),
]


def keeper_named(name: str) -> SystemdKeeper | ProcessKeeper:
    """The keeper that `lease.json` or a task names."""
    return SystemdKeeper() if name == "systemd" else ProcessKeeper(inspect.getsource(lease_process))


def armed(module: AnsibleModule) -> dict[str, object]:
    """Stage the scripts and the undo."""
    params = module.params
    if params["limit_s"] <= 0:
        raise LeaseError(f"limit_s: {params['limit_s']} must be more than 0 seconds")
    keeper = params["keeper"]
    if keeper == "auto":
        keeper = "systemd" if systemd_runs() else "process"
    lease = Lease(Path(params["base"]), params["id"])
    if params["renew_within_s"] < 0:
        raise LeaseError(f"renew_within_s: {params['renew_within_s']} must be 0 or more seconds")
    terms = Terms(
        params["run"],
        params["fault"],
        params["host"],
        params["limit_s"],
        time.time(),
        keeper,
        params["renew_within_s"],
    )
    scripts = Scripts(params["inject"], params["undo"], params["proof"], params["prepare"])
    env = {name: str(value) for name, value in params["env"].items()}
    if not all(ENV_NAME.fullmatch(name) for name in env):
        raise LeaseError(f"env: {sorted(env)} must all match {ENV_NAME.pattern}")
    if module.check_mode:
        changed = not (lease.exists() and staged(lease, terms, scripts, env))
    else:
        changed = arm(
            lease,
            keeper_named(keeper),
            terms,
            scripts,
            env=env,
            files=params["files"],
            within_s=params["undo_within_s"],
            alive=BEGAN,
        )
    return {"changed": changed, "folder": str(lease.folder)}


def held(module: AnsibleModule) -> dict[str, object]:
    """Break, and prove it."""
    params = module.params
    lease = Lease(Path(params["base"]), params["id"])
    if module.check_mode:
        return {"changed": lease.status() != "held"}
    lease.agreed()
    fresh = not lease.has("go")
    if fresh:
        already, evidence = prove(lease, params["proof_within_s"])
        if already:
            raise LeaseError(f"lease {lease.id}: nothing was broken, because its proof holds already: {evidence}")
        lease.renew(BEGAN)
        lease.go()
    effect = await_effect(lease, params["proof_within_s"])
    if not effect.shown:
        await_end(lease, keeper_named, params["undo_within_s"])
        why = f"lease {lease.id}: no proof of effect within {params['proof_within_s']} s, the fault was undone"
        module.fail_json(msg=f"{why}; the proof said: {effect.evidence}", effect=vars(effect))
    return {"changed": fresh, "effect": vars(effect)}


def renewed(module: AnsibleModule) -> dict[str, object]:
    """Let leases last."""
    params = module.params
    base = Path(params["base"])
    meant = (
        [Lease(base, params["id"])] if params["id"] else [one for one in all_leases(base) if of_run(one, params["run"])]
    )
    return {"changed": False, "renewed": [one.id for one in meant if module.check_mode or one.renew(BEGAN)]}


def of_run(lease: Lease, run: str) -> bool:
    """Whether `run` asked for it."""
    terms = lease.terms()
    return terms is not None and terms.run == run


def absent(module: AnsibleModule) -> dict[str, object]:
    """End one lease, or all of them; one that does not end does not keep the others from it."""
    params = module.params
    base = Path(params["base"])
    leases = [Lease(base, params["id"])] if params["id"] else list(all_leases(base, params["host"]))
    found = [lease for lease in leases if lease.exists()]
    troubles = []
    for lease in [] if module.check_mode else found:
        try:
            await_end(lease, keeper_named, params["undo_within_s"])
        except LeaseError as trouble:
            troubles.append(str(trouble))
    if troubles:
        raise LeaseError("; ".join(troubles))
    return {"changed": bool(found), "ended": [lease.id for lease in found]}


def main() -> None:
    """Do what `state` says."""
    # A controller that dies takes its connection along, and on its own machine asks all of a task's processes to end.
    # An arming that was cut short by either would stay for ever; one that was completed ends when nobody renews it.
    for asked in (signal.SIGHUP, signal.SIGTERM):
        signal.signal(asked, signal.SIG_IGN)
    module = AnsibleModule(argument_spec=ARGUMENTS, required_if=REQUIRED, supports_check_mode=True)
    try:
        result = {"armed": armed, "held": held, "renewed": renewed, "absent": absent}[module.params["state"]](module)
    except (LeaseError, OSError) as trouble:
        module.fail_json(msg=str(trouble))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
