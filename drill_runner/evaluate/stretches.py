"""Where the time went: the marks in the order of time, and how long it took from each to the next."""

from collections.abc import Sequence
from itertools import pairwise

from drill_runner.model.base import Interval
from drill_runner.model.result import Mark, Stretch


def stretches(found: Sequence[Mark]) -> tuple[Stretch, ...]:
    """From the effect on; a mark without evidence is left out, and its time belongs to the stretch around it.

    Marks whose intervals overlap may have come in the other order: the stretch between them may then be nothing.
    """
    known = [(mark, mark.instant) for mark in found if mark.instant is not None]
    start = next((one for one in known if one[0].name == "effect"), None)
    if start is None:
        return ()
    rest = sorted((one for one in known if one is not start), key=lambda one: _middle(one[1]))
    chain = [start, *rest]
    return tuple(
        Stretch(after=before.name, until=mark.name, duration=at.since(since))
        for (before, since), (mark, at) in pairwise(chain)
    )


def _middle(at: Interval) -> float:
    return at.lower + at.upper
