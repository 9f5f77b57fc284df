"""A renewer renews beside everything else, records what came of it, and stops when it is told to."""

import itertools
import threading
import time
from collections.abc import Callable

import pytest

from drill_runner.drill.renew import Renewer
from drill_runner.execute import PlaybookRun, RenewalOn, Status
from drill_runner.model.record import Record, Renewed

PATIENCE_S = 20.0


def ran(
    *renewals: tuple[str, tuple[str, ...]], unreachable: tuple[str, ...] = (), status: Status = "successful"
) -> PlaybookRun:
    return PlaybookRun(
        status=status,
        rc=0,
        started=1.0,
        ended=2.0,
        failures=tuple(f"{host}: Renew: no route" for host in unreachable),
        renewals=tuple(RenewalOn(host=host, leases=leases) for host, leases in renewals),
        unreachable=frozenset(unreachable),
    )


def first(renew: Callable[[], PlaybookRun], hosts: tuple[str, ...] = ("gpu1",)) -> Renewed:
    """The first record of a renewer whose playbook does what `renew` does."""
    records: list[Record] = []
    with Renewer(hosts, 0.03, lambda _stop, _seconds: renew(), records.append):
        deadline = time.monotonic() + PATIENCE_S
        while not records:
            assert time.monotonic() < deadline
            time.sleep(0.005)
    (record, *_) = records
    assert isinstance(record, Renewed)
    return record


def test_who_goes_on():
    record = first(lambda: ran(("gpu1", ()), ("gpu1", ("a-1",)), ("gpu2", ()), ("gpu2", ())), ("gpu1", "gpu2"))
    assert (record.hosts, record.ended, record.silent, record.problem) == (("gpu1",), ("gpu2",), (), None)


def test_a_target_without_power_goes_on_when_its_lease_is_held_elsewhere():
    record = first(lambda: ran(("gpu1", ("a-1-gpu1",)), unreachable=("gpu1",)))
    assert (record.hosts, record.ended, record.silent) == (("gpu1",), (), ())


def test_a_target_that_cannot_be_asked_has_not_ended():
    record = first(lambda: ran(("gpu1", ()), unreachable=("gpu1",)))
    assert (record.hosts, record.ended, record.silent, record.problem) == ((), (), ("gpu1",), "gpu1: Renew: no route")


def test_a_target_that_was_not_waited_for_has_not_ended():
    record = first(lambda: ran(("gpu1", ()), status="timeout"))
    assert (record.hosts, record.ended, record.silent) == ((), (), ("gpu1",))


def test_one_that_fails_is_recorded_and_tried_again():
    def renew() -> PlaybookRun:
        raise OSError("no space left")

    record = first(renew)
    assert (record.silent, record.problem) == (("gpu1",), "OSError: no space left")


def test_the_end_does_not_wait_for_one_under_way():
    begun = threading.Event()

    def renew(stop: Callable[[], bool], _seconds: float) -> PlaybookRun:
        begun.set()
        while not stop():
            time.sleep(0.005)
        return PlaybookRun(status="canceled", rc=254, started=1.0, ended=2.0)

    records: list[Record] = []
    with Renewer(("gpu1",), 0.03, renew, records.append):
        assert begun.wait(PATIENCE_S)
    assert records == []


@pytest.mark.parametrize("seconds", [0.3])
def test_three_times_within_the_period(seconds: float):
    said: list[float] = []
    records: list[Record] = []

    def renew(_stop: Callable[[], bool], within: float) -> PlaybookRun:
        said.append(within)
        return ran(("gpu1", ("a-1",)))

    with Renewer(("gpu1",), seconds, renew, records.append):
        deadline = time.monotonic() + PATIENCE_S
        while len(records) < 3:
            assert time.monotonic() < deadline
            time.sleep(0.005)
    assert said[0] == 5.0
    instants = [record.at for record in records if isinstance(record, Renewed)]
    assert all(later - sooner >= seconds / 3 for sooner, later in itertools.pairwise(instants))
