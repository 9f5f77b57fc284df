# Copyright: the drill_runner authors
# SPDX-License-Identifier: Apache-2.0
"""Filters for recovery points: how old what a backup holds is."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from ansible.errors import AnsibleFilterError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

DOCUMENTATION = r"""
name: recovery_points
short_description: The recovery point of each kind of restored data
description:
  - A marker is written into each kind of data again and again. It was written between two instants, so the recovery
    point has a lower and an upper bound.
positional: _input, began
options:
  _input:
    description: What a restore left in C(/var/lib/model-backup/restored) for each kind, JSON.
    type: list
    elements: str
    required: true
  began:
    description: When the data was lost, in seconds since 1970.
    type: float
    required: true
author:
  - drill_runner maintainers
"""

EXAMPLES = r"""
kinds: "{{ markers.results | map(attribute='stdout') | recovery_points(began) }}"
"""

RETURN = r"""
_value:
  description:
    - Kind, snapshot, marker, RPO, and the bounds of the recovery point, C(rpa_lower_s) and C(rpa_upper_s), in seconds.
  type: list
  elements: dict
"""


def recovery_points(markers: Iterable[str], began: float | str) -> list[dict[str, Any]]:
    """Give each kind's recovery point. Raises AnsibleFilterError, naming what is missing, for what is no marker."""
    return [_point(text, float(began)) for text in markers]


def _point(text: str, began: float) -> dict[str, Any]:
    try:
        said = json.loads(text)
        return {
            **{key: said[key] for key in ("kind", "snapshot", "marker", "rpo_s")},
            "rpa_lower_s": round(began - said["ended"], 1),
            "rpa_upper_s": round(began - said["begun"], 1),
        }
    except (ValueError, KeyError, TypeError) as error:
        raise AnsibleFilterError(f"recovery_points: this is no marker ({error!r}): {text[:200]}") from error


class FilterModule:
    """What Ansible looks for."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name the filters."""
        return {"recovery_points": recovery_points}
