"""The past of each drill: its last runs, and where its numbers are going."""

from collections.abc import Sequence

from pydantic import TypeAdapter

from drill_runner.evaluate.output import schema, written
from drill_runner.history.compare import around, span_judgement
from drill_runner.history.rows import noise
from drill_runner.model.summary import Judgement, Past, Pasts, RunRow

_PASTS = TypeAdapter(Pasts)


def pasts(rows: Sequence[RunRow], last: int) -> Pasts:
    """Of every drill, in the order of their names, its `last` runs, the oldest first."""
    drills = sorted({one.drill for one in rows})
    runs = (sorted((one for one in rows if one.drill == drill), key=_when)[-last:] for drill in drills)
    return Pasts(drills=tuple(_past(drill, those) for drill, those in zip(drills, runs, strict=True)))


def pasts_json(found: Pasts) -> str:
    """`found` as JSON text, like a result's."""
    return written(_PASTS, found)


def pasts_schema() -> str:
    """The JSON Schema of it, as JSON text."""
    return schema(_PASTS)


def _when(one: RunRow) -> str:
    """A run's id begins with its UTC start."""
    return one.run_id


def _past(drill: str, runs: Sequence[RunRow]) -> Past:
    sound = [one for one in runs if one.sound]
    trends: dict[str, Judgement] = {}
    if len(sound) > 1:
        for name in dict.fromkeys(measured.name for measured in sound[-1].measured):
            before = around([span for one in sound[:-1] if (span := noise(one, name)) is not None])
            trends[name] = span_judgement(name, before, noise(sound[-1], name))
    return Past(drill=drill, runs=tuple(runs), trends=trends)
