"""Percentile bootstrap of medians of intervals, with unknown values, seeded so that the same runs give the same answer.

An unknown value counts as worse than every known one (a service that did not come back has no recovery time, but a bad
one): infinite for a ceiling, minus infinite for a floor. A bound that comes out infinite is unknown.
"""

import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from drill_runner.evaluate.numbers import nearest_rank
from drill_runner.model.base import Interval

RESAMPLES = 4000
DOUBT = 0.05
"""What is left to a 95 % confidence interval, half of it on either side."""


class Ends(NamedTuple):
    """An interval as the three numbers that are resampled together."""

    lower: float
    middle: float
    upper: float


@dataclass(frozen=True)
class Bounds:
    """Two confidence intervals of the same thing. An end may be infinite: it is among the unknown values."""

    middles: tuple[float, float]
    careful: tuple[float, float]


def ends(values: Sequence[Interval | None], *, at_least: bool) -> tuple[Ends, ...]:
    """Numbers for `values`; `at_least`: the quantity is a floor, so that less is worse."""
    worst = -math.inf if at_least else math.inf
    return tuple(
        Ends(one.lower, (one.lower + one.upper) / 2, one.upper) if one else Ends(worst, worst, worst) for one in values
    )


def median(values: Sequence[Ends]) -> Ends:
    """Of the lower ends, of the middles and of the upper ends, each by itself. `values` is not empty."""
    return Ends(*(_middle(sorted(column)) for column in zip(*values, strict=True)))


def of_median(values: Sequence[Ends], seed: str) -> Bounds:
    """95 % confidence interval of the median."""
    return _bounds([median(sample) for sample in _resamples(values, random.Random(seed))])  # noqa: S311 -- no secret


def of_difference(a: Sequence[Ends], b: Sequence[Ends], seed: str, of: int = 1) -> Bounds:
    """95 % confidence interval of the median of `b` less the median of `a`.

    Where it is one `of` several that are looked at together, it is wider, so that 95 % holds for all of them at once
    (Bonferroni): else the more one looks at, the more one finds.
    """
    dice = random.Random(seed)  # noqa: S311 -- no secret
    pairs = zip(_resamples(a, dice), _resamples(b, dice), strict=True)
    return _bounds([_less(median(new), median(old)) for old, new in pairs], DOUBT / of)


def known(lower: float, upper: float) -> Interval | None:
    """An interval, if both ends are known."""
    return Interval(lower=lower, upper=upper) if math.isfinite(lower) and math.isfinite(upper) else None


def _less(new: Ends, old: Ends) -> Ends:
    return Ends(_minus(new.lower, old.upper), _minus(new.middle, old.middle), _minus(new.upper, old.lower))


def _minus(new: float, old: float) -> float:
    """Two unknown values may differ by anything; so they do not differ for certain."""
    return 0.0 if math.isinf(new) and new == old else new - old


def _resamples(values: Sequence[Ends], dice: random.Random) -> Iterator[list[Ends]]:
    return (dice.choices(values, k=len(values)) for _ in range(RESAMPLES))


def _bounds(medians: Sequence[Ends], doubt: float = DOUBT) -> Bounds:
    lower, middle, upper = (sorted(column) for column in zip(*medians, strict=True))
    return Bounds(
        middles=(nearest_rank(middle, doubt / 2), nearest_rank(middle, 1 - doubt / 2)),
        careful=(nearest_rank(lower, doubt / 2), nearest_rank(upper, 1 - doubt / 2)),
    )


def _middle(ordered: Sequence[float]) -> float:
    half = len(ordered) // 2
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2
