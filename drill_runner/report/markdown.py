"""The result in short, for a pull request or a chat: verdict, reasons, objectives."""

import re
from collections.abc import Iterator

from drill_runner.model.result import Result, Verdict
from drill_runner.report import wording

_SIGNS = {Verdict.PASSED: "✅", Verdict.FAILED: "❌", Verdict.INCONCLUSIVE: "❔"}
_MET = {True: "✅", False: "❌", None: "❔"}


def render(result: Result) -> str:
    """A few lines of GitHub-flavoured Markdown."""
    lines = [
        f"### {_SIGNS[result.verdict]} Drill {_code(result.drill)}: {result.verdict}",
        "",
        " · ".join(_facts(result)),
        "",
        *(f"- {_SIGNS[reason.verdict]} {_text(reason.text)}" for reason in result.reasons),
        "",
    ]
    if result.objectives:
        lines += ["| Objective | Promised | Actual | |", "|---|--:|--:|---|"]
        for objective in result.objectives:
            name = _text(wording.title(objective.name, wording.OBJECTIVE_TITLES))
            actual = wording.interval(objective.actual, objective.unit)
            lines.append(
                f"| {name} | {wording.bound(objective)} | {actual} | {_MET[objective.met]} {wording.met(objective)} |"
            )
        lines.append("")
    whole = next((window for window in result.windows if window.name == "all" and window.scheduled), None)
    if whole is not None:
        bad = wording.outcomes(whole.by_outcome, bad_only=True)
        lines.append(f"Probes: {whole.good} of {whole.scheduled} good; not good: {bad}. ")
        if whole.streams is not None:
            streams = whole.streams
            bad = wording.outcomes(streams.by_outcome, bad_only=True)
            lines.append(f"Streams: {streams.good} of {streams.scheduled} good; not good: {bad}.")
    lines += [*_lost(result), *_waterfall(result)]
    for point in result.recovery_points:
        what, declared, actual, word, source = wording.recovered(point)
        lines.append(f"Restored: {_text(what)}, RPO {declared}, RPA {actual} ({word}; {_text(source)}).")
    for found in result.disagreement:
        who, share, start, end = wording.disagreed(found)
        lines.append(f"Wrong answers: {_text(who)}, {share}, from {start} until {end} after the start.")
    if result.faults or result.checks:
        lines.append(f"Checks: {wording.tally(result.checks)}.")
    for check in result.checks:
        if check.outcome != "passed":
            first = next(iter((check.message or "").splitlines()), "")
            lines.append(f"- {check.outcome}: {_code(f'{check.check}::{check.name}')} {_text(first)}".rstrip())
    return "\n".join(line.rstrip() for line in lines) + "\n"


def _facts(result: Result) -> Iterator[str]:
    yield _text(wording.faults(result) or "Nothing was broken")
    if result.delay is not None:
        yield wording.moment(result.delay)
    yield f"started {result.started_utc[:19]}Z"
    yield f"run {_code(result.run_id)}"


def _lost(result: Result) -> Iterator[str]:
    if result.losses is not None:
        yield f"Clients: {wording.lost(result.losses)}."
    if result.in_flight is not None and result.in_flight.requests:
        fates = ", ".join(f"{count} {fate}" for fate, count, _ in wording.fates(result.in_flight))
        yield f"In flight when the fault took hold: {fates}; {wording.retried(result.in_flight)}."


def _waterfall(result: Result) -> list[str]:
    """In one line: an event, what it took from there, the next one."""
    if not result.stretches:
        return []
    names = [result.stretches[0].after, *(stretch.until for stretch in result.stretches)]
    titles = [_text(wording.title(name, wording.MARK_TITLES)) for name in names]
    took = [f" → ({wording.interval(stretch.duration)}) → " for stretch in result.stretches] + [""]
    return [f"Where the time went: {''.join(part for pair in zip(titles, took, strict=True) for part in pair)}."]


def _text(text: str) -> str:
    """Shown as it is: no markup, no mention, no table cell of its own making."""
    return re.sub(r"([\\`*_{}\[\]<>#|~@])", r"\\\1", " ".join(text.split()))


def _code(text: str) -> str:
    """As code; a backtick cannot end it early."""
    return f"`{text.replace('`', chr(39))}`"
