"""The result for a terminal: the verdict first, then what it rests on."""

from io import StringIO
from pathlib import Path

from rich import box
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from drill_runner.model.result import Result, Verdict
from drill_runner.report import wording

_STYLES = {Verdict.PASSED: "green", Verdict.FAILED: "red", Verdict.INCONCLUSIVE: "yellow"}
_MET = {True: "green", False: "red", None: "yellow"}
BAR = 24
"""Characters of the waterfall's width."""
_CHECK = {"passed": "green", "failed": "red", "broken": "yellow"}


def show(result: Result, console: Console, report: Path | None = None) -> None:
    """Print the result on `console`, with the path of the HTML report if there is one."""
    console.print(_verdict(result))
    lost = wording.lost(result.losses) if result.losses else ""
    for name, table, note in (
        ("Objectives", _objectives(result), ""),
        ("What happened when", _marks(result), ""),
        ("Where the time went", _waterfall(result), ""),
        ("How old the restored data is", _recovery_points(result), ""),
        ("Outages a client saw", _episodes(result), ""),
        ("Failed requests", _losses(result), lost),
        ("In flight when the fault took hold", _in_flight(result), ""),
        ("Wrong answers", _disagreement(result), ""),
        ("Service level", _windows(result), ""),
        ("Service level of streams", _streams(result), ""),
        ("Checks", _checks(result), wording.tally(result.checks)),
    ):
        if table.row_count or (name == "Checks" and result.faults):
            console.print(Padding(Text.assemble((name, "bold"), (f"  {note}", "dim")), (0, 0, 0, 1)))
            console.print(table if table.row_count else "")
    if report is not None:
        console.print(Padding(Text.assemble("Report  ", (str(report), "bold")), (0, 0, 0, 1)), soft_wrap=True)


def render(result: Result, width: int = 100) -> str:
    """The same as plain text, `width` columns wide."""
    out = StringIO()
    show(result, Console(file=out, width=width, color_system=None, legacy_windows=False))
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines()) + "\n"


def _verdict(result: Result) -> RenderableType:
    style = _STYLES[result.verdict]
    lines: list[RenderableType] = [
        Text.assemble(
            (f" {wording.VERDICT_SIGNS[result.verdict]} {result.verdict.upper()} ", f"bold reverse {style}"),
            ("  " + result.drill, "bold"),
            ("  " + wording.faults(result), "dim"),
        ),
    ]
    for reason in result.reasons:
        row = Table.grid(padding=(0, 1))
        row.add_column(width=1)
        row.add_column()
        row.add_row(
            Text(wording.VERDICT_SIGNS[reason.verdict], style=_STYLES[reason.verdict]),
            Text(reason.text),
        )
        lines.append(row)
    if result.delay is not None:
        lines.append(Text(f"The fault came {wording.moment(result.delay)}", style="dim"))
    return Panel(Group(*lines), border_style=style, title_align="left", title=Text(result.run_id), expand=False)


def _table(*columns: str, numbers: frozenset[str] = frozenset()) -> Table:
    table = Table(box=box.SIMPLE_HEAD, header_style="dim", pad_edge=False, padding=(0, 1), collapse_padding=True)
    for column in columns:
        table.add_column(column, justify="right" if column in numbers else "left")
    return table


def _objectives(result: Result) -> Table:
    table = _table("objective", "promised", "actual", "", numbers=frozenset({"promised", "actual"}))
    for objective in result.objectives:
        style = _MET[objective.met]
        table.add_row(
            wording.title(objective.name, wording.OBJECTIVE_TITLES),
            wording.bound(objective),
            Text(wording.interval(objective.actual, objective.unit), style=style),
            Text(wording.met(objective), style=style),
        )
    return table


def _marks(result: Result) -> Table:
    when = "after the effect" if result.faults else "when"
    table = _table("event", when, "evidence", numbers=frozenset({when}))
    for mark in wording.in_order(result.marks):
        if mark.instant is not None:
            name = wording.title(mark.name, wording.MARK_TITLES)
            table.add_row(name, wording.since_effect(mark), Text(mark.evidence, style="dim"))
    missing = [wording.title(mark.name, wording.MARK_TITLES) for mark in result.marks if mark.instant is None]
    if missing:
        table.add_row("not seen", "-", Text(", ".join(missing), style="dim"))
    return table


def _waterfall(result: Result) -> Table:
    table = _table("from, to", "took", "", numbers=frozenset({"took"}))
    for bar in wording.waterfall(result):
        table.add_row(bar.name, bar.took, Text(wording.drawn(bar, BAR), no_wrap=True))
    return table


def _recovery_points(result: Result) -> Table:
    table = _table("data", "RPO", "RPA", "", "found", numbers=frozenset({"RPO", "RPA"}))
    for point in result.recovery_points:
        what, declared, actual, word, source = wording.recovered(point)
        style = _MET[point.met]
        table.add_row(what, declared, Text(actual, style=style), Text(word, style=style), Text(source, style="dim"))
    return table


def _episodes(result: Result) -> Table:
    table = _table("#", "lasted", "failed", "how", numbers=frozenset({"#", "lasted", "failed"}))
    for count, episode in enumerate(result.episodes, 1):
        lasted = wording.interval(episode.duration) if episode.end else "not over"
        table.add_row(str(count), lasted, str(episode.failed), wording.outcomes(episode.by_outcome, bad_only=True))
    return table


def _losses(result: Result) -> Table:
    columns = ("requests", "waited", "first, s after start", "last")
    table = _table("how", *columns, numbers=frozenset(columns))
    for one in result.losses.causes if result.losses else ():
        table.add_row(*wording.cause(one))
    return table


def _windows(result: Result) -> Table:
    numbers = frozenset({"probes", "good", "p50", "p99", "max"})
    table = _table("window", "probes", "good", "p50", "p99", "max", "not good", numbers=numbers)
    for window in result.windows:
        if not window.scheduled:
            continue
        ttft = window.ttft_ms
        spread = [wording.number(value, "ms") for value in (ttft.p50, ttft.p99, ttft.max)] if ttft else ["-"] * 3
        table.add_row(
            window.name,
            str(window.scheduled),
            wording.number(window.good / window.scheduled, "share"),
            *spread,
            wording.outcomes(window.by_outcome, bad_only=True),
        )
    return table


def _in_flight(result: Result) -> Table:
    table = _table("fate", "requests", "which", numbers=frozenset({"requests"}))
    found = result.in_flight
    if found is not None and found.requests:
        for fate, count, which in wording.fates(found):
            table.add_row(fate, str(count), Text(which, style="dim"))
        table.add_row("", "", Text(wording.retried(found), style="dim"))
    return table


def _disagreement(result: Result) -> Table:
    table = _table("replica", "wrong", "from, s after start", "until")
    for found in result.disagreement:
        table.add_row(*wording.disagreed(found))
    return table


def _streams(result: Result) -> Table:
    columns = ("streams", "goodput", "tokens", "gap p50", "p95", "p99", "max")
    table = _table("window", *columns, "not good", numbers=frozenset(columns))
    for window in result.windows:
        if window.streams is not None:
            streams = window.streams
            goodput = "-" if streams.goodput is None else wording.number(streams.goodput, "share")
            bad = wording.outcomes(streams.by_outcome, bad_only=True)
            table.add_row(window.name, str(streams.scheduled), goodput, *wording.pace(streams), bad)
    return table


def _checks(result: Result) -> Table:
    """Those that did not pass; the heading counts the others."""
    table = _table("", "check", "when", "took", "what", numbers=frozenset({"took"}))
    for check in (check for check in result.checks if check.outcome != "passed"):
        style = _CHECK[check.outcome]
        what = check.name if check.message is None else f"{check.name}: {check.message.splitlines()[0]}"
        table.add_row(
            Text(check.outcome, style=style),
            check.check,
            wording.title(check.phase, {}),
            wording.number(check.seconds, "s"),
            Text(what),
        )
    return table
