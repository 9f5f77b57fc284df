#!/usr/bin/python
# Copyright: the drill_runner authors
# SPDX-License-Identifier: Apache-2.0
"""Which faults are armed or held on this machine."""

from __future__ import annotations

DOCUMENTATION = r"""
module: fault_lease_info
short_description: List the fault leases on a machine
version_added: 0.1.0
description:
  - Lists every lease of M(fault_lease) that a machine keeps. A lease that is listed may still break
    something; one that has ended and whose undo has succeeded is not there any more.
options:
  base:
    description: Folder of all leases of this machine.
    type: str
    default: /var/lib/drill-lease
  host:
    description: List only the leases that break this inventory host.
    type: str
attributes:
  check_mode:
    support: full
author: the drill_runner authors
"""

EXAMPLES = r"""
- name: Find what drills have left
  fault_lease_info:
  register: leases
"""

RETURN = r"""
leases:
  description: The leases, by id. One that was not armed completely has none of the fields from C(run) on.
  returned: always
  type: list
  elements: dict
  contains:
    id:
      description: Name of the lease.
      type: str
    status:
      description: V(armed), V(held), or V(ending) while its undo has not succeeded.
      type: str
    age_s:
      description: Seconds since it was armed.
      type: float
    log:
      description: The last of what its scripts said.
      type: str
    run:
      description: Who asked for it.
      type: str
    fault:
      description: Name of the fault.
      type: str
    host:
      description: The inventory host that is broken.
      type: str
    limit_s:
      description: The fault is undone when it has lasted so many seconds.
      type: float
    renew_within_s:
      description: It is undone as well when nobody has renewed it for so many seconds. 0 when nobody has to.
      type: float
    created:
      description: When it was armed, in seconds since the epoch.
      type: float
    keeper:
      description: V(systemd) or V(process).
      type: str
"""

from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.lease import DEFAULT_BASE, all_leases, describe


def main() -> None:
    """List."""
    arguments = {"base": {"type": "str", "default": DEFAULT_BASE}, "host": {"type": "str"}}
    module = AnsibleModule(argument_spec=arguments, supports_check_mode=True)
    leases = all_leases(Path(module.params["base"]), module.params["host"])
    module.exit_json(changed=False, leases=[describe(lease) for lease in leases])


if __name__ == "__main__":
    main()
