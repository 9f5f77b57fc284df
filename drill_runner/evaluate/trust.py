"""Whether the measuring itself can be trusted: every doubt is a sentence, and no doubt lets a drill pass."""

from collections.abc import Iterator, Sequence
from itertools import pairwise

from drill_runner.evaluate.history import History
from drill_runner.evaluate.outages import start_of
from drill_runner.evaluate.service import Tally
from drill_runner.model.plan import Plan
from drill_runner.model.record import EffectShown, Interrupted, Renewed, RunEnded, RunStarted, Whole
from drill_runner.model.sample import ClockSample, ObserverStarted, ObserverStopped, ProbeSample

NOT_SENT_SHARE = 0.01
"""More probes than this that were not sent, and the observer fell behind."""
CLOCK_JUMP_S = 0.05
"""UTC is slewed by half a millisecond a second at most; more than this from one second to the next is a jump."""


def doubts(history: History, probes: Sequence[ProbeSample], counts: Tally, streams: Tally) -> Iterator[str]:
    """Every reason not to believe the numbers, the weightiest first."""
    yield from history.problems
    yield from _journal(history)
    yield from _leases(history)
    yield from _observer(history, probes)
    yield from _accounts(counts, "probes")
    yield from _accounts(streams, "streams")
    yield from missing_lines(history)
    yield from _clock(history)


def _journal(history: History) -> Iterator[str]:
    if not any(isinstance(record, RunStarted) for record in history.records):
        yield "the journal does not begin with the start of the run"
    if not any(isinstance(record, RunEnded) for record in history.records):
        yield "the journal is cut off: the runner died before the run's end"
    for record in history.records:
        if isinstance(record, Interrupted):
            yield f"the run was interrupted: {record.why}"


def _observer(history: History, probes: Sequence[ProbeSample]) -> Iterator[str]:
    if not probes:
        yield "the observer left no samples"
    if not any(isinstance(sample, ObserverStarted) for sample in history.samples):
        yield "the samples do not begin with the start of the observer"
    stopped = [sample.at for sample in history.samples if isinstance(sample, ObserverStopped)]
    if not stopped:
        yield "the observer was not stopped as it should be: its last samples are missing"
    whole = [record.at for record in history.records if isinstance(record, Whole)]
    if stopped and whole and max(stopped) < min(whole):
        yield "the observer stopped before everything was back"


def _leases(history: History) -> Iterator[str]:
    """A target that was not told for too long has undone its fault, and that may pass for a recovery."""
    if not isinstance(history.plan, Plan):
        return
    within_s = history.plan.drill.renew_within_s
    over = min((one.at for one in history.records if isinstance(one, Whole)), default=None)
    for shown in (one for one in history.records if isinstance(one, EffectShown)):
        told = shown.took_hold.lower  # it was armed, or told for the first time, no sooner
        answers = [one for one in history.records if isinstance(one, Renewed) and one.at > told]
        known = [one.at for one in answers if shown.host in (*one.hosts, *one.ended)]
        ended = [one.at for one in answers if shown.host in one.ended]
        until = min([*ended[:1], *([] if over is None else [over])], default=None)
        instants = [told, *(at for at in known if until is None or at < until), *([] if until is None else [until])]
        longest = max((after - before for before, after in pairwise(instants)), default=0.0)
        if longest > within_s:
            yield (
                f"{shown.host} was not told for {longest:.0f} s that the run is still there: after {within_s:g} s it "
                "undoes its fault, which may have passed for the recovery"
            )


def _accounts(counts: Tally, what: str) -> Iterator[str]:
    if counts.missing:
        yield f"{counts.missing} of {counts.scheduled} scheduled {what} have no sample"
    if counts.twice:
        yield f"{counts.twice} {what} have more than one sample"
    if counts.not_sent > NOT_SENT_SHARE * counts.scheduled:
        yield f"the probe fell behind its schedule: {counts.not_sent} of {counts.scheduled} {what} were not sent"


def missing_lines(history: History) -> Iterator[str]:
    """Lines of any kind that were written and are gone: then nothing follows from one that is not there."""
    ended = [record.records for record in history.records if isinstance(record, RunEnded)]
    stopped = [sample.lines for sample in history.samples if isinstance(sample, ObserverStopped)]
    for what, found, said in (("journal", len(history.records), ended), ("samples", len(history.samples), stopped)):
        there_were = max((count for count in said if count is not None), default=0)
        if found < there_were:
            yield f"{there_were - found} of {there_were} lines of the {what} are missing"


def _clock(history: History) -> Iterator[str]:
    checks = sorted((one.at, one.late_s, one.utc_shift_s) for one in history.samples if isinstance(one, ClockSample))
    level_s = min((one.ttft_slo_ms / 1000 for one in history.samples if isinstance(one, ObserverStarted)), default=None)
    latest = max((late_s for _, late_s, _ in checks), default=0.0)
    # So late, it may have taken an answer that was in time for one that was not.
    if level_s is not None and latest > level_s / 2:
        yield f"the probe fell behind: it woke {latest:.2f} s late"
    shifts = (0.0, *(shift for _, _, shift in checks))
    steps = [(abs(after - before), at) for (before, after), (at, _, _) in zip(pairwise(shifts), checks, strict=True)]
    jump, at = max(steps, default=(0.0, 0.0))
    if jump > CLOCK_JUMP_S:
        yield f"the clock jumped by {jump:.3f} s, {at - start_of(history.samples):.0f} s after the observer's start"
