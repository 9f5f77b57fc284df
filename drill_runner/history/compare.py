"""B, the candidate, against A, the baseline: better, worse, or the same within the noise."""

from collections.abc import Iterator, Sequence
from math import comb

from pydantic import TypeAdapter

from drill_runner.evaluate.objectives import AT_LEAST
from drill_runner.evaluate.output import schema, written
from drill_runner.history import bootstrap
from drill_runner.history.rows import actual, noise
from drill_runner.model.base import Interval
from drill_runner.model.result import Verdict
from drill_runner.model.summary import Compared, Comparison, Judgement, OneSided, RunRow, Side, Unit

CHANCE = 0.05
"""More failures than could be so by chance, if the chance is less than this."""
SEED = "compare"

_COMPARISON = TypeAdapter(Comparison)


def compare(a_id: str, a: Sequence[RunRow], b_id: str, b: Sequence[RunRow]) -> Comparison:
    """A's runs against B's: one on a side is a single run, several are a repeated drill."""
    old, new = [one for one in a if one.sound], [one for one in b if one.sound]
    quantities = tuple(_quantities(old, new)) if old and new else ()
    only_in_a, only_in_b = (tuple(_only(*sides)) if old and new else () for sides in ((old, new), (new, old)))
    verdicts = _verdicts(old, new)
    lost = [Judgement.UNKNOWN for one in only_in_a if one.value]
    return Comparison(
        a=_side(a_id, a),
        b=_side(b_id, b),
        verdicts=verdicts,
        quantities=quantities,
        only_in_a=only_in_a,
        only_in_b=only_in_b,
        judgement=_overall([verdicts, *lost, *(one.judgement for one in quantities if not _new_only(one))]),
        notes=tuple(_notes(a_id, a, b_id, b)),
    )


def span_judgement(name: str, old: Interval | None, new: Interval | None) -> Judgement:
    """Two intervals that overlap are the same within the noise."""
    if old is None or new is None:
        return Judgement.UNKNOWN
    return _sign(name, above=new.lower > old.upper, below=new.upper < old.lower)


def around(values: Sequence[Interval | None]) -> Interval | None:
    """From the lowest lower end to the highest upper end; None if one is unknown, or there is none."""
    known = [value for value in values if value is not None]
    if not known or len(known) < len(values):
        return None
    return Interval(lower=min(one.lower for one in known), upper=max(one.upper for one in known))


def _quantities(old: Sequence[RunRow], new: Sequence[RunRow]) -> Iterator[Compared]:
    theirs = _units(new)
    units = {name: unit for name, unit in _units(old).items() if name in theirs}
    for name, unit in units.items():
        if len(old) > 1 and len(new) > 1:
            values = ([actual(run, name) for run in side] for side in (old, new))
            yield _repeated(name, unit, *values, of=len(units))
        else:
            a, b = (around([noise(run, name) for run in side]) for side in (old, new))
            asked = any(actual(run, name) for run in (*old, *new))  # what neither side knows says nothing against B
            judgement = span_judgement(name, a, b) if asked else Judgement.SAME
            yield Compared(name=name, unit=unit, a=a, b=b, difference=None, judgement=judgement)


def _units(side: Sequence[RunRow]) -> dict[str, Unit]:
    """Every quantity that a run of this side has, with its unit."""
    return {one.name: one.unit for run in side for one in run.measured}


def _only(mine: Sequence[RunRow], others: Sequence[RunRow]) -> Iterator[OneSided]:
    """What no run of the other side has."""
    theirs = _units(others)
    for name, unit in _units(mine).items():
        if name not in theirs:
            yield OneSided(name=name, unit=unit, value=_span(mine, name))


def _span(side: Sequence[RunRow], name: str) -> Interval | None:
    """Where this side's true value may lie, the chance of sampling included."""
    if len(side) == 1:
        return noise(side[0], name)
    values = bootstrap.ends([actual(run, name) for run in side], at_least=name in AT_LEAST)
    return bootstrap.known(*bootstrap.of_median(values, f"{SEED}/{name}").careful)


def _repeated(
    name: str, unit: Unit, old: Sequence[Interval | None], new: Sequence[Interval | None], *, of: int
) -> Compared:
    at_least = name in AT_LEAST
    a, b = bootstrap.ends(old, at_least=at_least), bootstrap.ends(new, at_least=at_least)
    lower, upper = bootstrap.of_difference(a, b, f"{SEED}/{name}", of).careful
    judgement = _sign(name, above=lower > 0, below=upper < 0)
    if any(old) is not any(new):  # one side never knew it, which may have other reasons than that it was bad
        judgement = Judgement.UNKNOWN
    if judgement is not Judgement.SAME and not enough(len(a), len(b), of):
        judgement = Judgement.UNKNOWN
    return Compared(
        name=name,
        unit=unit,
        a=bootstrap.known(*bootstrap.of_median(a, f"{SEED}/{name}/a").careful),
        b=bootstrap.known(*bootstrap.of_median(b, f"{SEED}/{name}/b").careful),
        difference=bootstrap.known(lower, upper),
        judgement=judgement,
    )


def enough(a: int, b: int, of: int) -> bool:
    """Whether so many runs could tell a difference in one `of` several quantities from chance.

    The clearest that there is, every run of B beyond every run of A, comes by chance in one of so many orders.
    """
    return of / comb(a + b, a) <= CHANCE


def _sign(name: str, *, above: bool, below: bool) -> Judgement:
    if not above and not below:
        return Judgement.SAME
    return Judgement.WORSE if above is not (name in AT_LEAST) else Judgement.BETTER


def _verdicts(old: Sequence[RunRow], new: Sequence[RunRow]) -> Judgement:
    """A single run that fails where the other did not is enough; of several, more than chance explains."""
    if not old or not new:
        return Judgement.UNKNOWN
    fails, failed = _failed(old), _failed(new)
    if len(old) == len(new) == 1:
        more, fewer = failed > fails, failed < fails
    else:
        more = _chance(fails, len(old), failed, len(new)) < CHANCE
        fewer = _chance(failed, len(new), fails, len(old)) < CHANCE
    return Judgement.WORSE if more else Judgement.BETTER if fewer else Judgement.SAME


def _chance(fails: int, runs: int, failed: int, of: int) -> float:
    """Fisher's exact test, one-sided: how likely so many of the failures, or more, are the second side's by chance."""
    both = fails + failed
    ways = sum(comb(of, k) * comb(runs, both - k) for k in range(failed, min(of, both) + 1))
    return ways / comb(runs + of, both)


def _failed(runs: Sequence[RunRow]) -> int:
    return sum(one.verdict is Verdict.FAILED for one in runs)


def _new_only(one: Compared) -> bool:
    """Known of B alone: there is no baseline that B could be worse than."""
    return one.judgement is Judgement.UNKNOWN and one.a is None and one.b is not None


def _overall(judgements: Sequence[Judgement]) -> Judgement:
    for judgement in (Judgement.WORSE, Judgement.UNKNOWN, Judgement.BETTER):
        if judgement in judgements:
            return judgement
    return Judgement.SAME


def _side(side_id: str, runs: Sequence[RunRow]) -> Side:
    sound = [one for one in runs if one.sound]
    drill = runs[0].drill if runs else "unknown"
    return Side(id=side_id, drill=drill, runs=len(runs), sound=len(sound), failed=_failed(sound))


def _notes(a_id: str, a: Sequence[RunRow], b_id: str, b: Sequence[RunRow]) -> Iterator[str]:
    drills = {one.drill for one in (*a, *b)}
    if len(drills) > 1:
        yield f"these are different drills: {', '.join(sorted(drills))}"
    for name, side_id, runs in (("A", a_id, a), ("B", b_id, b)):
        sound = sum(one.sound for one in runs)
        if not sound:
            yield f"{name}, {side_id}, is inconclusive: {runs[0].why if runs else 'it holds no run with a result'}"
        elif sound < len(runs):
            yield f"{len(runs) - sound} of {len(runs)} runs of {name} are inconclusive and left out"
    if len(a) == 1 or len(b) == 1:
        yield "a single run knows how well it was measured, not how much runs differ: --repeat tells that"
    elif a and b and not enough(sum(one.sound for one in a), sum(one.sound for one in b), len(a[0].measured)):
        yield "so few runs cannot tell a difference in so many quantities from chance: 5 on either side do"


def comparison_json(found: Comparison) -> str:
    """`found` as JSON text, like a result's."""
    return written(_COMPARISON, found)


def comparison_schema() -> str:
    """The JSON Schema of it, as JSON text."""
    return schema(_COMPARISON)
