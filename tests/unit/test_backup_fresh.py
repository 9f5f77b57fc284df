"""The check `backup_fresh` says no to every backup that a destructive fault could not rely on."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from tests.postconditions import test_backup_fresh as check

DIGEST = "d" * 64
GOOD = {
    "kind": "weights",
    "last_success_utc": "2026-11-24T10:00:00Z",
    "snapshot": "abcdef0123456789",
    "files": 3,
    "bytes": 98_000_000,
    "rpo_s": 3600,
    "last_error": None,
    "verify_error": None,
    "manifest_sha256": DIGEST,
}
TESTS = (
    check.test_backups_are_young_enough,
    check.test_backup_is_of_the_weights_that_are_wanted,
    check.test_nothing_went_wrong_since,
    check.test_repository_has_them,
)


@dataclass
class Said:
    stdout: str = ""
    stderr: str = ""
    rc: int = 0


@dataclass
class SimulatedHost:
    """Answers the check's three commands as a host would at 10:30."""

    status: dict[str, object]
    restic: Said = field(default_factory=Said)

    def run(self, command: str, *arguments: str) -> Said:
        if command.startswith("date"):
            return Said(stdout=f"2026-11-24T10:30:00Z\n{json.dumps({self.status['kind']: self.status})}")
        if command.startswith("sha256sum"):
            return Said(stdout=f"{DIGEST}  {arguments[0]}\n")
        assert command.startswith("systemd-run")
        assert arguments[-1] == self.status["snapshot"]
        return self.restic


def complaints(host: SimulatedHost) -> list[str]:
    def complaint(test: Callable[[SimulatedHost], None]) -> str | None:
        try:
            test(host)
        except AssertionError as error:
            return str(error).splitlines()[0]
        return None

    return [text for test in TESTS if (text := complaint(test))]


def test_a_good_one() -> None:
    assert complaints(SimulatedHost(GOOD)) == []


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"last_success_utc": "2026-11-24T09:29:59Z"}, "weights: 3601 s old, promised 3600 s"),
        ({"last_success_utc": "2026-11-24T10:30:03Z"}, "weights: -3 s old, promised 3600 s"),
        ({"files": 0}, "weights: the last good backup holds no files"),
        ({"bytes": 0}, "weights: the last good backup holds no bytes"),
        ({"manifest_sha256": "e" * 64}, "the weights were changed since the last good backup"),
        ({"manifest_sha256": None}, "the weights were changed since the last good backup"),
        ({"last_error": "no room"}, "weights: the last backup failed: no room"),
        ({"verify_error": "rot"}, "weights: not verified: rot"),
        ({"kind": "ledger"}, "weights are not protected here: model_backup_kinds does not name them"),
        ({"snapshot": ""}, "weights: the last good backup has no snapshot"),
    ],
)
def test_what_is_wrong_is_named(change: dict[str, object], complaint: str) -> None:
    assert complaints(SimulatedHost(GOOD | change)) == [complaint]


def test_a_host_without_any_backup() -> None:
    told = complaints(SimulatedHost(GOOD | {"last_success_utc": None}))
    assert told == ["weights: there is no good backup yet"] * len(TESTS)


def test_a_repository_that_lost_it() -> None:
    assert complaints(SimulatedHost(GOOD, Said(rc=1, stderr="no matching ID found"))) == [
        "weights: abcdef01: no matching ID found"
    ]
