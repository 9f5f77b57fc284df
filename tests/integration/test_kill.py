"""The runner is killed with SIGKILL at twenty instants of drills of all kinds; the hosts put everything right alone."""

from pathlib import Path

import pytest

from tests.integration.conftest import PROJECT
from tests.torture.kill import kill_at
from tests.torture.points import Point, points
from tests.torture.residue import Snapshot, look

POINTS = 20
SEED = 20261124
DRILLS = sorted(path.stem for path in PROJECT.drills.glob("*.yml"))


@pytest.fixture(scope="module")
def before() -> Snapshot:
    """The hosts as they are before anything is broken."""
    return look()


@pytest.mark.parametrize("point", points(DRILLS, POINTS, SEED), ids=str)
def test_nothing_is_left(point: Point, before: Snapshot, tmp_path: Path):
    fate = kill_at(point, before, tmp_path)
    assert fate.left == (), (tmp_path / "said").read_text()
