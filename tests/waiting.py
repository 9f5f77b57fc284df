"""Waiting in tests: for something that is seen, and never for a length of time."""

import time
from collections.abc import Callable

PATIENCE_S = 120.0
"""How long anything may take on a machine however busy. No measure of anything: what fails takes this long to do so."""


def wait_until(what: Callable[[], object], *, otherwise: Callable[[], object] = lambda: "waited in vain") -> None:
    """Come back as soon as `what` is true; AssertionError with `otherwise` when it has not been for `PATIENCE_S`."""
    deadline = time.monotonic() + PATIENCE_S
    while not what():
        assert time.monotonic() < deadline, otherwise()
        time.sleep(0.01)
