"""Which outages, when and how long: drawn once from a seed."""

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass

from tests.calibrate.server import Trouble

SHORTEST_S, LONGEST_S = 0.1, 5.0
SHORTEST_HELD_S = 0.5
"""A freeze that is over within the service level is, by definition, no outage."""
FLAP_GAP_S = (0.06, 0.3)
"""Good between two parts of a flap: too short for ten good probes, so that it is one outage."""
_PLASTIC = 1.324717957244746


@dataclass(frozen=True)
class Outage:
    """One entry of the script. A flap has several parts: bad, good, bad … seconds."""

    name: str
    trouble: Trouble
    parts: tuple[float, ...]
    start_phase: float
    end_phase: float
    """Where in a probe's period it begins and ends, 0 to 1."""


def draw(count: int, seed: int) -> Iterator[Outage]:
    """`count` outages: every kind as often as another, lengths evenly spread on a logarithmic scale.

    The phases against the probe's schedule decide the error, so they are spread evenly too (the R2 sequence), from a
    random start: independent draws would need many more outages to say the same about the 95th percentile.
    """
    dice = random.Random(seed)  # noqa: S311 -- the same script every time is the point
    kinds = [*Trouble, None]  # None: a flap
    drawn = [kinds[index % len(kinds)] for index in range(count)]
    dice.shuffle(drawn)
    first, second = dice.random(), dice.random()
    for index, kind in enumerate(drawn):
        start_phase = (first + index / _PLASTIC) % 1
        end_phase = (second + index / _PLASTIC**2) % 1
        if kind is None:
            trouble = dice.choice((Trouble.REFUSE, Trouble.RESET, Trouble.HTTP_503))
            parts = _flap(dice)
            yield Outage("flap", trouble, parts, start_phase, end_phase)
        else:
            shortest = SHORTEST_HELD_S if kind is Trouble.HELD else SHORTEST_S
            yield Outage(kind.value, kind, (_length(dice, shortest, LONGEST_S),), start_phase, end_phase)


def _flap(dice: random.Random) -> tuple[float, ...]:
    parts = [_length(dice, SHORTEST_S, 1.0)]
    for _ in range(dice.randint(1, 3)):
        parts += [dice.uniform(*FLAP_GAP_S), _length(dice, SHORTEST_S, 1.0)]
    return tuple(parts)


def _length(dice: random.Random, shortest: float, longest: float) -> float:
    return math.exp(dice.uniform(math.log(shortest), math.log(longest)))
