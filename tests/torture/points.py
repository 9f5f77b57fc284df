"""Where in a drill the runner is killed: at an instant drawn at random, or as soon as the journal has a new line."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

LONGEST_S = 25.0
"""Drills as they are here take about so long."""
LONGER_S = {"host_rebuild": 100.0}
"""But for these."""
LINES = 24
"""Records that a journal of such a drill has, at least."""


@dataclass(frozen=True)
class Point:
    """One kill."""

    drill: str
    line: int | None
    """After this line of the journal; None: `seconds` after the first one."""
    seconds: float = 0.0

    def __str__(self) -> str:
        """For people."""
        when = (
            f"{self.seconds:.1f} s after its journal began"
            if self.line is None
            else f"after line {self.line} of its journal"
        )
        return f"{self.drill}, killed {when}"


def points(drills: Sequence[str], count: int, seed: int) -> Iterator[Point]:
    """`count` points, the drills one after the other, every second one at an edge between two steps."""
    draw = random.Random(seed)  # noqa: S311 not for secrets
    edges = list(range(3, LINES))
    draw.shuffle(edges)
    for number in range(count):
        drill = drills[number % len(drills)]
        # An odd number of drills would otherwise meet edges only every second time.
        if (number + number // len(drills)) % 2:
            yield Point(drill, line=edges[number % len(edges)])
        else:
            yield Point(drill, line=None, seconds=draw.uniform(0.0, LONGER_S.get(drill, LONGEST_S)))
