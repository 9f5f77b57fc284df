# Copyright: the drill_runner authors
# SPDX-License-Identifier: Apache-2.0
"""Ends a playbook whose runner has died; only `drill_runner` loads it.

ansible-runner starts ansible-playbook with SIGHUP ignored. When its process is killed the terminal goes, the thread
that takes results ends with an error at its next line of output, and the playbook waits for ever for what nobody
collects.
"""

import ctypes
import os
import signal
from typing import Final

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: ends_with_its_runner
type: aggregate
short_description: Ends a playbook whose runner has died
description:
  - Asks Linux for a SIGTERM when the process dies that started ansible-playbook, and ends at once if it has already.
  - What runs on hosts goes on to its end there, as it does when a connection is lost.
"""

RUNNER: Final = "DRILL_RUNNER_PID"
PR_SET_PDEATHSIG: Final = 1  # prctl(2)


class CallbackModule(CallbackBase):  # type: ignore[misc] # Ansible has no types
    """Takes no event: being loaded is all it does."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "ends_with_its_runner"
    CALLBACK_NEEDS_ENABLED = False

    def __init__(self) -> None:
        """Bind this process to the one that started it."""
        super().__init__()
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        runner = os.environ.get(RUNNER)
        if runner is not None and os.getppid() != int(runner):
            os.kill(os.getpid(), signal.SIGTERM)  # it died before it could be noticed
