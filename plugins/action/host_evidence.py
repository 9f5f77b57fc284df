# Copyright: the drill_runner authors
# SPDX-License-Identifier: Apache-2.0
"""The controller's half of the module host_evidence: it brackets readings of the host's clock with its own."""

from __future__ import annotations

import shlex
import time
from typing import Any

from ansible.plugins.action import ActionBase

EXCHANGES = 5
"""The first may open a connection; the bounds of all of them are cut with each other."""

READ = "import time; print(time.monotonic(), time.time())"


class ActionModule(ActionBase):  # type: ignore[misc]
    """Reads the host's clock a few times, then runs the module."""

    TRANSFERS_FILES = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Give the module's result with the exchanges in it."""
        del tmp
        result: dict[str, Any] = super().run(task_vars=task_vars)
        python = (task_vars or {}).get("ansible_python_interpreter") or "/usr/bin/python3"
        read = f"{shlex.quote(self._templar.template(python))} -S -E -c {shlex.quote(READ)}"
        exchanges = [found for _ in range(EXCHANGES) if (found := self._exchange(read)) is not None]
        asked = time.monotonic()
        result.update(self._execute_module(task_vars=task_vars))
        # The module reads the clock as well, so that a host without that interpreter has a bound too, a wide one.
        if (clock := result.pop("clock", None)) is not None:
            exchanges.append({"asked": asked, "answered": time.monotonic(), **clock})
            result["evidence"]["exchanges"] = exchanges
        return result

    def _exchange(self, read: str) -> dict[str, float] | None:
        """Bracket one reading, without privileges: becoming somebody takes longer than the reading."""
        asked = time.monotonic()
        said = self._low_level_execute_command(read, sudoable=False)
        answered = time.monotonic()
        try:
            monotonic, realtime = (float(word) for word in said["stdout"].split())
        except ValueError:
            return None
        return {"asked": asked, "answered": answered, "monotonic": monotonic, "realtime": realtime}
