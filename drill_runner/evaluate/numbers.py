"""The few sums that everything here rests on."""

import math
from collections.abc import Sequence

from drill_runner.model.result import Percentiles


def nearest_rank(ordered: Sequence[float], share: float) -> float:
    """The smallest value of `ordered` (ascending, not empty) that at least `share` of all values do not exceed."""
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def percentiles(values: Sequence[float]) -> Percentiles | None:
    """Of `values` in any order and in milliseconds; None if there are none."""
    if not values:
        return None
    ordered = sorted(values)
    return Percentiles(
        count=len(ordered),
        p50=nearest_rank(ordered, 0.50),
        p95=nearest_rank(ordered, 0.95),
        p99=nearest_rank(ordered, 0.99),
        max=ordered[-1],
    )
