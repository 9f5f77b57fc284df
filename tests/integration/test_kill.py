"""The runner is killed with SIGKILL at an instant of each drill; the hosts put everything right alone."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from drill_runner.catalog import load_drill, load_faults
from tests.integration.conftest import PROJECT
from tests.torture.kill import kill_at
from tests.torture.points import Point, points
from tests.torture.residue import look

SEED = 20261124


def faults_by_drill() -> dict[str, frozenset[str]]:
    catalogue = load_faults(PROJECT)
    names = sorted(path.stem for path in PROJECT.drills.glob("*.yml"))
    return {name: frozenset(use.fault for use in load_drill(PROJECT, name, catalogue).faults) for name in names}


def enough(faults: Mapping[str, frozenset[str]]) -> list[str]:
    """Drills that together break all that drills break: no two of the same faults, none with some of another's only.

    `make torture` kills the runner in every drill, and often.
    """
    return [
        name
        for name, own in faults.items()
        if not any(own < others or (own == others and other < name) for other, others in faults.items())
    ]


FAULTS = faults_by_drill()
DRILLS = enough(FAULTS)
POINTS = max(20, len(DRILLS))


class Baseline:
    """What the hosts are compared with: as they were before, and after a failure as that one left them."""

    def __init__(self) -> None:
        """As they are now."""
        self.looks = look()


@pytest.fixture(scope="module")
def baseline() -> Baseline:
    return Baseline()


def test_the_drills_are_enough():
    assert {fault for name in DRILLS for fault in FAULTS[name]} == {fault for own in FAULTS.values() for fault in own}
    a, b = frozenset("a"), frozenset("b")
    assert enough({"one": a, "same": a, "both": a | b, "other": b, "alone": frozenset("c")}) == ["both", "alone"]
    assert enough({"one": a, "same": a, "two": b}) == ["one", "two"]


@pytest.mark.parametrize("point", list(points(DRILLS, POINTS, SEED)), ids=str)
def test_nothing_is_left(point: Point, baseline: Baseline, tmp_path: Path):
    fate = kill_at(point, baseline.looks, tmp_path)
    if fate.left:  # or every later kill would wait for the same in vain, and fail for it
        baseline.looks = look()
    assert fate.left == (), "\n".join(path.read_text() for path in tmp_path.glob("*/said"))
