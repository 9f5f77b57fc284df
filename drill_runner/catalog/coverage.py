"""How much of what breaks in the field the catalogue can rehearse. Pure."""

from collections.abc import Iterable, Iterator

from drill_runner.model.fault import FIDELITIES, Fault, Fidelity
from drill_runner.model.study import ROUNDING, Coverage, NotRehearsed, Rehearsed, Study


def coverage(study: Study, faults: Iterable[Fault]) -> Coverage:
    """Hold one study against the faults, whose `stands_for` was checked."""
    known = tuple(faults)
    rehearsed, missing = [], []
    for name, count in sorted(study.classes.items(), key=lambda item: -item[1]):
        share = count / study.whole
        if found := sorted(_standing_for(study.id, name, known)):
            best = FIDELITIES[found[0][0]]
            rehearsed.append(
                Rehearsed(name=name, share=share, fidelity=best, faults=tuple(fault for _, fault in found))
            )
        else:
            missing.append(NotRehearsed(name=name, count=count, share=share))
    by_fidelity = {
        fidelity: sum(each.share for each in rehearsed if each.fidelity is fidelity) for fidelity in Fidelity
    }
    return Coverage(
        study=study,
        rehearsed=tuple(rehearsed),
        missing=tuple(missing),
        without_class=_rest(study),
        share=sum(by_fidelity.values()),
        share_by_fidelity=by_fidelity,
    )


def _standing_for(study: str, name: str, faults: Iterable[Fault]) -> Iterator[tuple[int, str]]:
    """The faults that stand for a class, each with the rank of its best fidelity for it."""
    for fault in faults:
        claims = [each for each in fault.manifest.stands_for if each.study == study and name in each.classes]
        if claims:
            yield min(FIDELITIES.index(each.fidelity or fault.manifest.fidelity) for each in claims), fault.name


def _rest(study: Study) -> NotRehearsed | None:
    count = study.whole - sum(study.classes.values())
    return NotRehearsed(name="without_class", count=count, share=count / study.whole) if count > ROUNDING else None
