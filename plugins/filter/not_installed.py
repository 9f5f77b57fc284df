# Copyright: the drill_runner authors
# SPDX-License-Identifier: Apache-2.0
"""A filter that says which packages a host lacks, so that apt is asked only where there is something to install."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

DOCUMENTATION = r"""
name: not_installed
short_description: Which packages a host lacks
description:
  - Roles ask a host once what it is, and skip tasks that would change nothing. This reads what it said of its packages.
positional: _input, said
options:
  _input:
    description: Names of Debian packages.
    type: list
    elements: str
    required: true
  said:
    description:
      - Lines that C(dpkg-query --show --showformat='package ${Package} ${db:Status-Status}\n') wrote, among others.
    type: list
    elements: str
    required: true
author:
  - drill_runner maintainers
"""

EXAMPLES = r"""
missing: "{{ ['haproxy', 'socat'] | not_installed(found.stdout_lines) }}"
"""

RETURN = r"""
_value:
  description: Those that are not installed, or not completely, in the order in which they were named.
  type: list
  elements: str
"""


def not_installed(packages: Iterable[str], said: Iterable[str]) -> list[str]:
    """List the packages of which a host does not say that they are installed."""
    there = set(said)
    return [name for name in packages if f"package {name} installed" not in there]


class FilterModule:
    """What Ansible looks for."""

    def filters(self) -> dict[str, Callable[..., object]]:
        """Name the filters."""
        return {"not_installed": not_installed}
