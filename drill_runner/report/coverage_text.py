"""Coverage for a terminal: how much of each study the catalogue can rehearse, and what it cannot."""

from collections.abc import Iterable, Iterator

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from drill_runner.model.study import Coverage, Study

CHECKED = {
    "table": "figures read in a copy of its table",
    "abstract": "figures read in its abstract only",
    "memory": "figures not read again: verify before quoting",
}
NONE = "-"
LIMIT = "Covered: a fault stands for the class, though not for all that is in it. Its README says what it cannot show."


def show_coverage(covered: Iterable[Coverage], console: Console) -> None:
    """Print one study after the other on `console`."""
    for number, each in enumerate(covered):
        console.print("\n" if number else "", Text(each.study.title, style="bold"), sep="", soft_wrap=True)
        console.print(Text(_source(each.study), style="dim"), soft_wrap=True)
        console.print(_summary(each), soft_wrap=True)
        console.print(Padding(_classes(each), (0, 0, 0, 2)))
    console.print("\n" + LIMIT)


def _source(study: Study) -> str:
    note = f" {study.note}" if study.note else ""
    return f"{study.whole:g} {study.unit}; {CHECKED[study.checked]}.{note}"


def _summary(covered: Coverage) -> str:
    parts = ", ".join(f"{fidelity} {_percent(share)}" for fidelity, share in covered.share_by_fidelity.items())
    return f"Can be rehearsed: {_percent(covered.share)} ({parts})"


def _classes(covered: Coverage) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for head in ("CLASS", "COUNT", "SHARE", "FIDELITY", "FAULTS"):
        table.add_column(head, justify="right" if head in {"COUNT", "SHARE"} else "left", overflow="fold")
    for row in _rows(covered):
        table.add_row(*row)
    return table


def _rows(covered: Coverage) -> Iterator[tuple[str, ...]]:
    counts = covered.study.classes
    for found in covered.rehearsed:
        faults = ", ".join(found.faults)
        yield found.name, f"{counts[found.name]:g}", _percent(found.share), found.fidelity.value, faults
    for gap in covered.missing:
        yield gap.name, f"{gap.count:g}", _percent(gap.share), "not covered", NONE
    if rest := covered.without_class:
        yield "(in no class)", f"{rest.count:g}", _percent(rest.share), "not covered", NONE


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"
