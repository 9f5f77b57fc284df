"""How numbers and names read, the same in every format. Pure functions of the result's values."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Literal

from drill_runner.evaluate.objectives import AT_LEAST
from drill_runner.model.base import Interval, data
from drill_runner.model.record import Delay
from drill_runner.model.result import (
    Cause,
    CheckResult,
    Disagreement,
    Fate,
    InFlight,
    Losses,
    Mark,
    ObjectiveResult,
    Reason,
    RecoveryPoint,
    Result,
    StreamLevel,
    Stretch,
    Verdict,
)
from drill_runner.model.sample import Outcome
from drill_runner.model.summary import RunRow

Unit = Literal["s", "ms", "requests", "share"]

UNKNOWN = "unknown"

VERDICT_SIGNS: Mapping[Verdict, str] = {Verdict.PASSED: "✔", Verdict.FAILED: "✘", Verdict.INCONCLUSIVE: "?"}

OBJECTIVE_TITLES: Mapping[str, str] = {
    "rto_s": "Service restored (RTO)",
    "replica_rto_s": "Replica back in the pool",
    "detect_s": "Fault detected",
    "rpo_s": "Age of restored data (RPO)",
    "failed_requests": "Failed requests",
    "availability": "Availability",
    "ttft_p99_ms": "Time to first token, p99",
    "itl_p99_ms": "Time between tokens, p99",
    "goodput_min": "Goodput",
}

MARK_TITLES: Mapping[str, str] = {
    "effect": "fault took hold",
    "first_failure": "first failure",
    "detected": "detected",
    "recovery_started": "recovery started",
    "weights_verified": "weights verified",
    "process_started": "engine process started",
    "model_loaded": "model loaded",
    "first_token": "first token again",
    "restored": "service restored",
    "replica_back": "replica back",
    "whole": "whole again",
    "postconditions_passed": "post-conditions passed",
}

OUTCOME_TITLES: Mapping[Outcome, str] = {
    Outcome.OK: "good",
    Outcome.WRONG_ANSWER: "wrong answer",
    Outcome.TOO_SLOW: "too slow",
    Outcome.HTTP_ERROR: "HTTP error",
    Outcome.CONNECTION_ERROR: "no connection",
    Outcome.TIMEOUT: "timed out",
    Outcome.TRUNCATED: "broke off",
    Outcome.NOT_SENT: "never sent",
}

FATE_TITLES: Mapping[Fate, str] = {
    Fate.FINISHED: "finished",
    Fate.CUT: "cut",
    Fate.HUNG: "hung",
    Fate.WRONG: "answered wrongly",
    Fate.TOO_SLOW: "too slow",
    Fate.REFUSED: "answered with an error",
    Fate.UNKNOWN: "unknown",
}


def title(name: str, titles: Mapping[str, str]) -> str:
    """The words for `name`, or the name itself with its underscores as blanks."""
    return titles.get(name, name.replace("_", " "))


def number(value: float, unit: Unit) -> str:
    """One value with its unit, as precise as its size deserves."""
    return f"{_digits(value, unit)} {_suffix(unit)}".rstrip()


def interval(span: Interval | None, unit: Unit = "s") -> str:
    """`0.31 to 0.36 s`; one number when both ends read the same; `unknown` when there is none."""
    if span is None:
        return UNKNOWN
    upper = _digits(span.upper, unit)
    lower = _digits(span.lower, unit, like=span.upper)
    return f"{lower if lower == upper else f'{lower} to {upper}'} {_suffix(unit)}".rstrip()


def bound(objective: ObjectiveResult) -> str:
    """The promise, with the side on which it is kept."""
    sign = "≥" if objective.name in AT_LEAST else "≤"
    value = objective.objective * 100 if objective.unit == "share" else objective.objective
    return f"{sign} {value:.10g} {_suffix(objective.unit)}".rstrip()


def met(objective: ObjectiveResult) -> str:
    """What became of the promise, in one word or two."""
    if not objective.judged:
        return "not judged"
    return {True: "met", False: "missed", None: "cannot tell"}[objective.met]


def in_order(marks: Sequence[Mark]) -> list[Mark]:
    """Those with evidence as they came, by the middles of their intervals, the effect first; then the others."""
    known = [(mark.instant.lower + mark.instant.upper, mark) for mark in marks if mark.instant is not None]
    known.sort(key=lambda pair: (pair[1].name != "effect", pair[0]))
    return [mark for _, mark in known] + [mark for mark in marks if mark.instant is None]


def since_effect(mark: Mark) -> str:
    """How long after the effect; where no effect was shown, how long after the observer's start."""
    if mark.name == "effect" and mark.instant is not None:
        return f"0 s, known to {number(mark.instant.width, 's')}"
    if mark.since_effect is None and mark.instant is not None:
        return f"{interval(mark.instant)} after start"
    return interval(mark.since_effect)


def tally(checks: Sequence[CheckResult]) -> str:
    """`5 passed, 1 broken`; `none ran` when there were none."""
    counts = Counter(check.outcome for check in checks)
    return ", ".join(f"{counts[name]} {name}" for name in ("passed", "failed", "broken") if counts[name]) or "none ran"


def outcomes(counts: Mapping[Outcome, int], *, bad_only: bool = False) -> str:
    """`3 timed out, 1 HTTP error`, in the order of the outcomes; `none` when there is nothing to count."""
    parts = [
        f"{counts[outcome]} {OUTCOME_TITLES[outcome]}"
        for outcome in Outcome
        if counts.get(outcome) and not (bad_only and outcome is Outcome.OK)
    ]
    return ", ".join(parts) or "none"


def verdict_counts(runs: Iterable[RunRow]) -> str:
    """`8 passed, 1 failed`, in the order of the verdicts."""
    counts = Counter(run.verdict for run in runs)
    return ", ".join(f"{counts[verdict]} {verdict}" for verdict in Verdict if counts[verdict]) or "none"


def differs(span: Interval, unit: Unit) -> str:
    """A difference with its sign: `-0.20 to +0.31 s`; one number when both ends read the same."""
    lower, upper = (_digits(end, unit, like=max(abs(span.lower), abs(span.upper))) for end in (span.lower, span.upper))
    both = _signed(lower) if lower == upper else f"{_signed(lower)} to {_signed(upper)}"
    return f"{both} {_suffix(unit)}".rstrip()


def _signed(digits: str) -> str:
    return digits if digits.startswith("-") or not digits.strip("0.,") else f"+{digits}"


def fates(found: InFlight) -> Iterator[tuple[str, int, str]]:
    """What became of the requests in flight: the fate, how many, and which."""
    for fate, count in found.fates.items():
        if count:
            which = [one for one in found.requests if one.fate is fate]
            yield (
                FATE_TITLES[fate],
                count,
                listed([f"{one.kind} {one.seq}{_doubt(surely=one.surely)}" for one in which]),
            )


@data
class Bar:
    """One stretch of where the time went, with its place in a waterfall. Places are shares of the whole."""

    name: str
    took: str
    start: float
    """Where it may begin at the earliest."""
    width: float
    """To where it may end at the latest."""
    sure_start: float
    """From here on it was surely under way, for `sure_width`; nothing where its ends may have been at the same time."""
    sure_width: float


def waterfall(result: Result) -> tuple[Bar, ...]:
    """Where the time went, from the effect to the last mark."""
    at = {mark.name: mark.instant for mark in result.marks if mark.instant is not None}
    known = [at[name] for stretch in result.stretches for name in (stretch.after, stretch.until)]
    if not known:
        return ()
    zero = min(one.lower for one in known)
    scale = max(one.upper for one in known) - zero or 1.0
    return tuple(_bar(stretch, at[stretch.after], at[stretch.until], zero, scale) for stretch in result.stretches)


def _bar(stretch: Stretch, after: Interval, until: Interval, zero: float, scale: float) -> Bar:
    return Bar(
        name=f"{title(stretch.after, MARK_TITLES)} → {title(stretch.until, MARK_TITLES)}",
        took=interval(stretch.duration),
        start=(after.lower - zero) / scale,
        width=max(0.0, until.upper - after.lower) / scale,
        sure_start=(after.upper - zero) / scale,
        sure_width=max(0.0, until.lower - after.upper) / scale,
    )


def drawn(bar: Bar, width: int) -> str:
    """A bar in `width` characters: full where it was surely under way, light where it may have been."""
    first, last = int(bar.start * width), max(int(bar.start * width) + 1, round((bar.start + bar.width) * width))
    sure = range(round(bar.sure_start * width), round((bar.sure_start + bar.sure_width) * width))
    return " " * first + "".join("█" if at in sure else "░" for at in range(first, min(last, width)))


def _doubt(*, surely: bool) -> str:
    return "" if surely else " (perhaps)"


def retried(found: InFlight) -> str:
    """What is known of requests that the load balancer sent again."""
    if found.retried is None:
        return "whether any was sent again is unknown: the load balancer does not say"
    if found.retried == 0:
        return "none of those that were answered was sent again"
    return f"{found.retried} sent again by the load balancer, so that two engines may have worked on it"


def disagreed(found: Disagreement) -> tuple[str, str, str, str]:
    """Who gave wrong answers, how many of how many, from when and until when."""
    share = f"{found.wrong} of {found.of}"
    until = interval(found.end) if found.end else "to the end"
    return found.replica or "nobody says who", share, interval(found.start), until


def recovered(point: RecoveryPoint) -> tuple[str, str, str, str, str]:
    """Which data, where, what was declared for it, how old it is, and what that means."""
    word = {True: "met", False: "missed", None: "cannot tell"}[point.met]
    source = f"marker {point.marker}, snapshot {point.snapshot[:8]}"
    return f"{point.kind} on {point.host}", f"≤ {point.declared_s:.10g} s", interval(point.actual), word, source


def pace(streams: StreamLevel) -> tuple[str, ...]:
    """Tokens a second, and the time between two tokens: p50, p95, p99 and the longest."""
    times = streams.itl_ms
    spread = [number(value, "ms") for value in (times.p50, times.p95, times.p99, times.max)] if times else ["-"] * 4
    speed = "-" if streams.tokens_per_s is None else f"{streams.tokens_per_s:.3g}/s"
    return (speed, *spread)


def to_fix(result: Result) -> Iterator[Reason]:
    """The reasons that are not passes, in the result's order of weight."""
    return (reason for reason in result.reasons if reason.verdict is not Verdict.PASSED)


def why(result: Result) -> str:
    """The one sentence behind the verdict."""
    deciding = [reason for reason in result.reasons if reason.verdict is result.verdict] or list(result.reasons)
    return deciding[0].text if deciding else "No reason was recorded."


def faults(result: Result) -> str:
    """`server_crash on gpu1, gpu2; host_loss on gpu3`."""
    return "; ".join(f"{name} on {listed(targets)}" for name, targets in result.faults.items())


def lost(found: Losses) -> str:
    """`287 probes, 1 stream failed; clients waited 5.31 s for them in all; at most 14.4 s from one good answer …`."""
    failed = "no request failed"
    if found.requests:
        kinds = Counter(one.kind for one in found.requests)
        some = ", ".join(f"{count} {kind}{'s' if count > 1 else ''}" for kind, count in sorted(kinds.items()))
        failed = f"{some} failed; clients waited {number(found.request_seconds, 's')} for them in all"
    gap = "no good answer at all"
    if found.longest_gap_s is not None:
        gap = f"at most {number(found.longest_gap_s, 's')} from one good answer to the next"
    return f"{failed}; {gap}"


def cause(one: Cause) -> tuple[str, str, str, str, str]:
    """How, how many, how long clients waited for them, and when the first and the last were due."""
    first, last = number(one.first_s, "s"), number(one.last_s, "s")
    return OUTCOME_TITLES[one.outcome], str(one.requests), number(one.request_seconds, "s"), first, last


def moment(delay: Delay) -> str:
    """`3.21 s after steady state, drawn from 0 to 10 s (draw 2 of seed 7)`."""
    return (
        f"{number(delay.seconds, 's')} after steady state, drawn from 0 to {delay.span_s:g} s "
        f"(draw {delay.number} of seed {delay.seed})"
    )


def listed(names: Sequence[str], most: int = 4) -> str:
    """The names with commas, cut after `most` of them with the count of the rest."""
    shown = ", ".join(names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"


def _digits(value: float, unit: Unit, like: float | None = None) -> str:
    """The digits of `value`, with as many decimal places as `like` would get."""
    if unit == "requests":
        return f"{value:,.0f}"
    if unit == "share":
        return _share(value)
    size = abs(value if like is None else like)
    if size == 0:
        return "0"
    whole_digits = len(str(int(size))) if size >= 1 else 0
    return f"{value:.{max(0, 3 - whole_digits)}f}"


def _share(value: float) -> str:
    """Percent without rounding up to a hundred: 99.996 % is not 100 %."""
    percent = value * 100
    for places in (2, 3, 4, 5):
        text = f"{percent:.{places}f}"
        if value == 1 or not text.startswith("100"):
            break
    return text.rstrip("0").rstrip(".") if "." in text else text


def _suffix(unit: Unit) -> str:
    return {"s": "s", "ms": "ms", "requests": "", "share": "%"}[unit]
