"""Tells the targets, beside everything else, that the run is still there: without that they undo what it broke."""

import contextlib
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from drill_runner.execute import PlaybookRun
from drill_runner.model.record import Record, Renewed

TRIES = 3
"""A lease is renewed so often within its period, so that one renewal that fails ends nothing."""
PATIENCE_S = 5.0
"""A renewal may take a third of the period, and so long at least."""


class Renewer:
    """A thread that renews a run's leases as long as it is inside `with`. It dies with the process, as it must."""

    def __init__(
        self,
        hosts: tuple[str, ...],
        within_s: float,
        renew: Callable[[Callable[[], bool], float], PlaybookRun],
        write: Callable[[Record], None],
    ) -> None:
        """Nothing is done before it is entered.

        Args:
            hosts: The targets.
            within_s: They undo everything when they were not told for so long.
            renew: Runs the playbook. It is given what says that it must stop, and how many seconds it may take.
            write: Keeps what came of it.
        """
        self._hosts = hosts
        self._within_s = within_s
        self._renew = renew
        self._write = write
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._work, name="renewer", daemon=True)

    def _work(self) -> None:
        while not self._over.wait(self._within_s / TRIES):
            at = time.monotonic()  # from before: no lease lasts longer than this lets one think
            try:
                run = self._renew(self._over.is_set, max(PATIENCE_S, self._within_s / TRIES))
            except Exception as error:  # noqa: BLE001 a renewal that fails is recorded, and tried again
                record = Renewed(at=at, hosts=(), silent=self._hosts, problem=f"{type(error).__name__}: {error}")
            else:
                if run.status == "canceled":
                    return
                record = _record(at, self._hosts, run)
            with contextlib.suppress(OSError):  # a full disk keeps nobody from reverting
                self._write(record)

    def __enter__(self) -> Self:
        """Begin."""
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop, and wait for a renewal that is under way."""
        self._over.set()
        self._thread.join()


def _record(at: float, hosts: tuple[str, ...], run: PlaybookRun) -> Renewed:
    """Who goes on, who has ended by itself, and who could not be asked."""
    renewed = {one.host for one in run.renewals if one.leases}
    # One that was not asked itself, only the machine with its power switch, may well hold a lease.
    asked = {one.host for one in run.renewals} - renewed - run.unreachable if run.ok else set[str]()
    silent = tuple(host for host in hosts if host not in renewed | asked)
    return Renewed(
        at=at,
        hosts=tuple(host for host in hosts if host in renewed),
        ended=tuple(host for host in hosts if host in asked),
        silent=silent,
        problem=run.failures[0] if silent and run.failures else None,
    )
