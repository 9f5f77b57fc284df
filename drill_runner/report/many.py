"""Many runs for a terminal: a repeated drill, a comparison, the past of each drill."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from drill_runner.model.base import Interval
from drill_runner.model.result import Verdict
from drill_runner.model.summary import Comparison, Judgement, Past, RunRow, Side, Summary
from drill_runner.report import wording

BLOCKS = "▁▂▃▄▅▆▇█"
SHORT = {
    "rto_s": "RTO s",
    "replica_rto_s": "replica s",
    "detect_s": "detected s",
    "rpo_s": "RPA s",
    "failed_requests": "failed",
    "availability": "good %",
    "ttft_p99_ms": "TTFT ms",
    "itl_p99_ms": "ITL ms",
    "goodput_min": "goodput %",
}
"""Heads of narrow columns."""
_VERDICT = {Verdict.PASSED: "green", Verdict.FAILED: "red", Verdict.INCONCLUSIVE: "yellow"}
_JUDGEMENT = {
    Judgement.BETTER: "green",
    Judgement.WORSE: "red",
    Judgement.SAME: "",
    Judgement.UNKNOWN: "yellow",
}
_SAID = {
    Judgement.BETTER: "better",
    Judgement.WORSE: "worse",
    Judgement.SAME: "same",
    Judgement.UNKNOWN: "cannot tell",
}


def show_summary(summary: Summary, console: Console, report: object = None) -> None:
    """Print what a repeated drill means, with the path of its report if there is one."""
    style = _VERDICT[summary.verdict]
    console.print(
        Text.assemble(
            (f" {wording.VERDICT_SIGNS[summary.verdict]} {summary.verdict.upper()} ", f"bold reverse {style}"),
            (f"  {summary.drill} x {len(summary.runs)}", "bold"),
            f"  {wording.verdict_counts(summary.runs)}",
        )
    )
    if summary.stopped:
        console.print(Text(f"{len(summary.runs)} of {summary.wanted} runs: {summary.stopped}", style="yellow"))
    table = _table("quantity", "median", "95 % confidence", "worst", "runs", "unknown")
    for one in summary.spreads:
        table.add_row(
            _quantity(one.name),
            *(wording.interval(span, one.unit) for span in (one.median, one.ci95, one.worst)),
            str(one.runs),
            str(one.unknown or ""),
        )
    if table.row_count:
        console.print(table)
    for run in summary.runs:
        if run.verdict is not Verdict.PASSED:
            console.print(Text.assemble((f"{run.verdict}  ", _VERDICT[run.verdict]), f"{run.run_id}: {run.why}"))
    console.print(Text(f"Faults 0 to {summary.span_s:g} s after steady state, seed {summary.seed}", style="dim"))
    if report is not None:
        console.print(Text.assemble("Report  ", (str(report), "bold")), soft_wrap=True)


def show_comparison(comparison: Comparison, console: Console) -> None:
    """Print how B stands to A."""
    said = {Judgement.SAME: "the same within the noise"}.get(comparison.judgement, comparison.judgement)
    known = comparison.judgement is not Judgement.UNKNOWN
    said = said if known else "B may be worse or not: it cannot be told"
    console.print(Text.assemble("B is " if known else "", (said, f"bold {_JUDGEMENT[comparison.judgement]}")))
    console.print(_side("A", comparison.a))
    console.print(_side("B", comparison.b))
    repeated = any(one.difference for one in comparison.quantities)
    table = _table("quantity", "A", "B", *(["B less A"] if repeated else []), "")
    for cells in _compared(comparison):
        table.add_row(*(cells if repeated else (*cells[:3], cells[4])))
    console.print(table)
    for note in comparison.notes:
        console.print(Text(note, style="dim"))


def _compared(comparison: Comparison) -> Iterator[tuple[str, str, str, str, Text]]:
    """Quantity, A, B, B less A, and what it comes to."""
    for one in comparison.quantities:
        sides = (wording.interval(one.a, one.unit), wording.interval(one.b, one.unit))
        difference = wording.differs(one.difference, one.unit) if one.difference else ""
        yield _quantity(one.name), *sides, difference, _judged(one.judgement)
    for lost in comparison.only_in_a:
        value, style = wording.interval(lost.value, lost.unit), "yellow" if lost.value else "dim"
        yield _quantity(lost.name), value, "", "", Text("only in A", style=style)
    for new in comparison.only_in_b:
        yield _quantity(new.name), "", wording.interval(new.value, new.unit), "", Text("only in B", style="dim")
    yield "Runs that failed", _failed(comparison.a), _failed(comparison.b), "", _judged(comparison.verdicts)


def _quantity(name: str) -> str:
    return wording.title(name, wording.OBJECTIVE_TITLES)


def _judged(judgement: Judgement) -> Text:
    return Text(_SAID[judgement], style=_JUDGEMENT[judgement])


def show_pasts(pasts: Sequence[Past], console: Console) -> None:
    """Print the last runs of every drill, the newest last, with the trend under each quantity."""
    for past in pasts:
        console.print(Text(past.drill, style="bold"))
        names = list(dict.fromkeys(one.name for run in past.runs for one in run.measured))
        # What does not fit beside the runs goes under them: numbers that are cut off say nothing.
        columns = [Column(SHORT.get(name, name), _values(past, name), _trend(past, name)) for name in names]
        verdicts = [Text(run.verdict, style=_VERDICT[run.verdict]) for run in past.runs]
        columns.insert(0, Column("verdict", verdicts, Text()))
        room = console.width - max(len(run.run_id) for run in past.runs) - 2
        for some in _that_fit(columns, room):
            table = _table("run", *(column.head for column in some))
            for number, run in enumerate(past.runs):
                table.add_row(run.run_id, *(column.cells[number] for column in some))
            table.add_section()
            table.add_row("trend", *(column.trend for column in some))
            console.print(table)


class Column(NamedTuple):
    """One quantity of every run, and where it goes."""

    head: str
    cells: list[Text]
    trend: Text

    @property
    def width(self) -> int:
        """With the space around it."""
        return max(len(self.head), len(self.trend), *map(len, self.cells)) + 2


def _that_fit(columns: Sequence[Column], room: int) -> Iterator[list[Column]]:
    """So many at a time as there is room for; always one."""
    some: list[Column] = []
    for column in columns:
        if some and sum(one.width for one in (*some, column)) > room:
            yield some
            some = []
        some.append(column)
    yield some


def _values(past: Past, name: str) -> list[Text]:
    return [Text(_value(run, name), style="" if run.sound else "dim") for run in past.runs]


def _trend(past: Past, name: str) -> Text:
    """The sound runs' middles as blocks, and the newest one's judgement."""
    spans = [span for run in past.runs if run.sound and (span := _span(run, name)) is not None]
    middles = [(span.lower + span.upper) / 2 for span in spans]
    judgement = past.trends.get(name)
    said = f" {judgement}" if judgement in (Judgement.BETTER, Judgement.WORSE) else ""
    return Text(_sparkline(middles) + said, style=_JUDGEMENT[judgement] if judgement else "")


def _sparkline(values: Sequence[float]) -> str:
    if not values:
        return ""
    low, room = min(values), max(values) - min(values)
    return "".join(BLOCKS[round((value - low) / room * (len(BLOCKS) - 1)) if room else 0] for value in values)


def _span(run: RunRow, name: str) -> Interval | None:
    return next((one.actual for one in run.measured if one.name == name), None)


def _value(run: RunRow, name: str) -> str:
    """Without its unit, which stands in the head."""
    full = next((wording.interval(one.actual, one.unit) for one in run.measured if one.name == name), "")
    return full.replace(" to ", "-").partition(" ")[0]


def _side(name: str, side: Side) -> Text:
    runs = f"{side.runs} runs, {side.sound} that count" if side.runs != 1 else "1 run"
    return Text.assemble((f"{name}  ", "bold"), f"{side.id}", (f"  {runs}", "dim"))


def _failed(side: Side) -> str:
    return f"{side.failed} of {side.sound}"


def _table(*heads: str, left: int = 1) -> Table:
    table = Table(box=box.SIMPLE_HEAD, header_style="dim", pad_edge=False, padding=(0, 1), collapse_padding=True)
    for number, head in enumerate(heads):
        table.add_column(
            head, justify="left" if number < left or not head else "right", no_wrap=number < left or not head
        )
    return table
