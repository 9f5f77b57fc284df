"""What the runs of a repeated drill mean together, and `summary.json`, in which it is written down."""

import random
from collections.abc import Iterator, Sequence
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from drill_runner.errors import UsageError
from drill_runner.evaluate.objectives import AT_LEAST
from drill_runner.evaluate.output import schema, written
from drill_runner.evaluate.versioned import stated_version
from drill_runner.history import bootstrap
from drill_runner.history.rows import actual
from drill_runner.model.base import Interval
from drill_runner.model.record import Delay
from drill_runner.model.result import Verdict
from drill_runner.model.summary import SUMMARY_VERSION, RunRow, Spread, Summary

_SUMMARY = TypeAdapter(Summary)
_WORST_FIRST = (Verdict.FAILED, Verdict.INCONCLUSIVE, Verdict.PASSED)


def draws(seed: int, span_s: float) -> Iterator[Delay]:
    """For ever: how long each run waits before its fault, evenly from nothing to `span_s`."""
    dice = random.Random(seed)  # noqa: S311 -- a moment, not a secret
    number = 0
    while True:
        number += 1
        yield Delay(seconds=dice.random() * span_s, span_s=span_s, seed=seed, number=number)


def summarise(
    summary_id: str,
    drill: str,
    text: str,
    runs: Sequence[RunRow],
    *,
    wanted: int,
    stopped: str | None,
    seed: int,
    span_s: float,
) -> Summary:
    """What `runs` mean together. Unsound runs are listed and counted, and no number is made from them."""
    return Summary(
        id=summary_id,
        drill=drill,
        summary=text,
        wanted=wanted,
        stopped=stopped,
        seed=seed,
        span_s=span_s,
        verdict=worst_verdict(runs),
        runs=tuple(runs),
        spreads=tuple(_spreads([one for one in runs if one.sound], seed)),
    )


def worst_verdict(runs: Sequence[RunRow]) -> Verdict:
    """Failed before inconclusive before passed; no run at all is inconclusive."""
    found = {one.verdict for one in runs} or {Verdict.INCONCLUSIVE}
    return next(verdict for verdict in _WORST_FIRST if verdict in found)


def _spreads(sound: Sequence[RunRow], seed: int) -> Iterator[Spread]:
    units = {one.name: one.unit for run in sound for one in run.measured}
    for name, unit in units.items():
        values = [actual(run, name) for run in sound]
        ends = bootstrap.ends(values, at_least=name in AT_LEAST)
        middle, bounds = bootstrap.median(ends), bootstrap.of_median(ends, f"{seed}/{name}")
        yield Spread(
            name=name,
            unit=unit,
            runs=len(values),
            unknown=sum(value is None for value in values),
            median=bootstrap.known(middle.lower, middle.upper),
            worst=_worst(values, at_least=name in AT_LEAST),
            ci95_middles=bootstrap.known(*bounds.middles),
            ci95=bootstrap.known(*bounds.careful),
        )


def _worst(values: Sequence[Interval | None], *, at_least: bool) -> Interval | None:
    """Between the worst lower end and the worst upper end: which run was the worst may not be known, its bounds are."""
    known = [value for value in values if value is not None]
    if not known or len(known) < len(values):
        return None
    pick = min if at_least else max
    return Interval(lower=pick(one.lower for one in known), upper=pick(one.upper for one in known))


def summary_json(summary: Summary) -> str:
    """`summary` as JSON text, like a result's."""
    return written(_SUMMARY, summary)


def summary_schema() -> str:
    """The JSON Schema of `summary.json`, as JSON text."""
    return schema(_SUMMARY)


def read_summary(path: Path) -> Summary:
    """The summary in `path`; UsageError if it cannot be read, or a newer version wrote it."""
    try:
        content = path.read_bytes()
        if (version := stated_version(content) or 0) > SUMMARY_VERSION:
            raise UsageError(f"{path}: expected version {SUMMARY_VERSION} or less, found {version}")
        return _SUMMARY.validate_json(content)
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from error
    except ValidationError as error:
        raise UsageError(f"{path}: damaged; the runs beside it are not") from error
