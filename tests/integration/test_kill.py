"""The runner is killed with SIGKILL at an instant of each drill; the hosts put everything right alone."""

from pathlib import Path

import pytest

from tests.integration.conftest import PROJECT
from tests.torture.kill import kill_at
from tests.torture.points import Point, points
from tests.torture.residue import look

SEED = 20261124
DRILLS = sorted(path.stem for path in PROJECT.drills.glob("*.yml"))
POINTS = max(20, len(DRILLS))


class Baseline:
    """What the hosts are compared with: as they were before, and after a failure as that one left them."""

    def __init__(self) -> None:
        """As they are now."""
        self.looks = look()


@pytest.fixture(scope="module")
def baseline() -> Baseline:
    return Baseline()


@pytest.mark.parametrize("point", list(points(DRILLS, POINTS, SEED)), ids=str)
def test_nothing_is_left(point: Point, baseline: Baseline, tmp_path: Path):
    fate = kill_at(point, baseline.looks, tmp_path)
    if fate.left:  # or every later kill would wait for the same in vain, and fail for it
        baseline.looks = look()
    assert fate.left == (), "\n".join(path.read_text() for path in tmp_path.glob("*/said"))
