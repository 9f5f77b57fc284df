"""Targets that are no replicas, such as a store: the load balancer has nothing to say of them."""

import pytest

from drill_runner.evaluate.pool import replicas
from drill_runner.model.sample import PoolSample


def look(*servers: str) -> PoolSample:
    return PoolSample(asked=1.0, answered=1.1, servers=dict.fromkeys(servers, "UP"))


@pytest.mark.parametrize(
    ("looks", "targets", "found"),
    [
        ([look("gpu1", "gpu2")], ("store1", "gpu1"), ("gpu1",)),
        ([look("gpu1"), look("gpu1", "gpu2")], ("gpu2", "gpu1"), ("gpu2", "gpu1")),
        ([look("gpu1")], ("store1",), ("store1",)),
        ([], ("store1", "gpu1"), ("store1", "gpu1")),
    ],
)
def test_those_that_the_pool_knows(looks: list[PoolSample], targets: tuple[str, ...], found: tuple[str, ...]):
    assert replicas(looks, targets) == found
