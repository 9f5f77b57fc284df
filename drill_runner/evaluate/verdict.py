"""The verdict, and its reasons in order of weight. The first reason decides.

1. Something may still be broken: a lease that was not shown to be gone. Failed, whatever else there is. So is a drill
   that was ended because more came of it than was agreed on.
2. The drill did not take place as written: no plan, no steady state at its start, no effect, interrupted.
   Inconclusive: what followed says nothing about the fault.
3. What is proven without the client's probes: no recovery, a failed post-condition, nobody noticed. Failed.
4. The measuring cannot be trusted. Inconclusive: an objective may be missed, or met, by the observer's fault.
5. An objective that was missed. Failed.
6. An objective that the bounds leave open. Inconclusive.
7. Else passed.
"""

from collections.abc import Iterator

from drill_runner.evaluate.findings import Findings
from drill_runner.evaluate.history import History
from drill_runner.evaluate.marks import instant, overlooked
from drill_runner.evaluate.objectives import holds
from drill_runner.evaluate.trust import doubts, missing_lines
from drill_runner.evaluate.wording import first_line, promise, span
from drill_runner.model.plan import Phase, Plan, Watch
from drill_runner.model.record import (
    CheckFinished,
    DamageExceeded,
    EffectMissing,
    EffectShown,
    Interrupted,
    PhaseEnded,
    PhaseStarted,
    PlaybookEnded,
    RunEnded,
    Whole,
)
from drill_runner.model.result import Reason, Verdict
from drill_runner.model.sample import Outcome


def reasons(found: Findings) -> tuple[Reason, ...]:
    """Every reason there is, the one that decides first."""
    history, promises = found.history, tuple(one for one in found.objectives if one.judged)
    failed, open_, passed = Verdict.FAILED, Verdict.INCONCLUSIVE, Verdict.PASSED
    before_checks = (
        *_all(failed, _left_behind(history)),
        *_all(failed, _damage(history)),
        # A service that was not well is why nothing was broken, not the other way round.
        *_all(open_, _unsteady(found)),
        *_all(open_, _not_as_written(history)),
        *_all(failed, _not_recovered(history)),
        *_detection(found),
        *_all(open_, doubts(history, found.probes, found.counts, found.stream_counts)),
    )
    ordered = (
        *before_checks,
        *_all(open_, _unchecked(history, over_early=bool(before_checks))),
        *_all(failed, (promise(one) for one in promises if one.met is False)),
        *_all(open_, (promise(one) for one in promises if one.met is None)),
    )
    decided = ordered or (Reason(verdict=passed, text=_all_well(history)),)
    return (*decided, *_all(passed, (promise(one) for one in promises if one.met)))


def is_sound(found: Findings) -> bool:
    """Whether the numbers can be believed: the run took place as written, and its measuring can be trusted."""
    history = found.history
    return took_place(found) and not [*doubts(history, found.probes, found.counts, found.stream_counts)]


def took_place(found: Findings) -> bool:
    """Whether the drill took place as written. If not, its promises were not put to the test."""
    return not [*_not_as_written(found.history), *_unsteady(found)]


def _all_well(history: History) -> str:
    if isinstance(history.plan, Watch):
        return "the service was watched without a gap, and every promise was kept"
    return "the service recovered and every post-condition passed"


def _all(verdict: Verdict, texts: Iterator[str]) -> Iterator[Reason]:
    return (Reason(verdict=verdict, text=text) for text in texts)


def _left_behind(history: History) -> Iterator[str]:
    if any(isinstance(record, RunEnded) and not record.reverted for record in history.records):
        yield "not every lease was shown to be gone: a target may still be broken"


def _damage(history: History) -> Iterator[str]:
    for record in history.records:
        if isinstance(record, DamageExceeded):
            yield f"more damage than was agreed on, and so the drill was ended: {record.what}"


def _not_as_written(history: History) -> Iterator[str]:
    if history.plan is None:
        yield "there is no plan to judge by"
        return
    shown = {(record.lease, record.host) for record in history.records if isinstance(record, EffectShown)}
    why = {(one.lease, one.host): one.why for one in history.records if isinstance(one, EffectMissing)}
    if isinstance(history.plan, Watch):
        return
    for lease in history.plan.leases:
        for host in lease.targets:
            if (lease.id, host) not in shown:
                text = first_line(why.get((lease.id, host), "nothing was recorded"))
                yield f"{lease.fault.name} was not shown to have an effect on {host}: {text}"


def _unsteady(found: Findings) -> Iterator[str]:
    """What says that the service was not well before anything was broken."""
    history, effect = found.history, instant(found.marks, "effect")
    steady = [one for one in history.records if isinstance(one, CheckFinished) and one.phase is Phase.STEADY_STATE]
    bad = [one for one in steady if one.outcome != "passed"]
    for check in bad:
        yield f"no steady state at the start: {_check(check)}"
    for record in history.records:
        # With a bad check the phase's problem is that check again.
        if isinstance(record, PhaseEnded) and record.phase is Phase.STEADY_STATE and record.problem and not bad:
            problem = first_line(record.problem).removeprefix("no steady state: ")
            yield f"no steady state at the start: {problem}"
    if effect is None or not isinstance(history.plan, Plan):
        return
    began = [one.at for one in history.records if isinstance(one, PhaseStarted) and one.phase is Phase.INJECT]
    until = min([*began, found.begin + effect.lower])
    since = until - history.plan.drill.steady_s
    if not any(since <= probe.due < until and probe.outcome is Outcome.OK for probe in found.probes):
        yield "no steady state at the start: no good probe in the time before the fault"
    early = [episode for episode in found.episodes if episode.start.upper < effect.lower]
    if any(episode.end is None or found.begin + episode.end.upper > since for episode in early):
        yield "no steady state at the start: probes failed before the fault had an effect"


def _not_recovered(history: History) -> Iterator[str]:
    for record in history.records:
        if isinstance(record, PlaybookEnded) and record.phase is Phase.RECOVER and record.status != "successful":
            yield f"the recovery playbook {record.playbook} ended as {record.status}" + _after(record.failed_task)
    if _came_to_its_end(history) and not any(isinstance(record, Whole) for record in history.records):
        problems = [
            record.problem
            for record in history.records
            if isinstance(record, PhaseEnded) and record.phase in (Phase.OBSERVE, Phase.RECOVER) and record.problem
        ]
        yield "the service did not recover" + _after(problems[-1] if problems else None)
    for record in history.records:
        if isinstance(record, CheckFinished) and record.phase is not Phase.STEADY_STATE and record.outcome == "failed":
            yield f"a post-condition failed: {_check(record)}"


def _came_to_its_end(history: History) -> bool:
    """A run that was cut short, or broke nothing, says nothing about recovery; nor does one of which lines are gone."""
    kinds = {type(record) for record in history.records}
    ended = {RunEnded, EffectShown} <= kinds and not kinds & {Interrupted, DamageExceeded}
    return ended and not [*history.problems, *missing_lines(history)]


def _detection(found: Findings) -> Iterator[Reason]:
    history, marks = found.history, found.marks
    detection = history.plan.drill.detection if isinstance(history.plan, Plan) else None
    if detection is None or instant(marks, "effect") is None or not _came_to_its_end(history):
        return
    mark = next(mark for mark in marks if mark.name == "detected")
    promised = f"promised within {detection.within_s:g} s"
    if mark.since_effect is None:
        verdict = Verdict.FAILED if overlooked(history, found.episodes) else Verdict.INCONCLUSIVE
        yield Reason(verdict=verdict, text=f"the fault was not detected, {promised}: {mark.evidence}")
        return
    met = holds(mark.since_effect, detection.within_s)
    if not met:
        verdict = Verdict.FAILED if met is False else Verdict.INCONCLUSIVE
        yield Reason(verdict=verdict, text=f"the fault was detected after {span(mark.since_effect)} s, {promised}")


def _unchecked(history: History, *, over_early: bool) -> Iterator[str]:
    """Checks that say nothing: broken, or never run.

    `over_early`: there is a reason already. That a drill then went no further is no news.
    """
    if not isinstance(history.plan, Plan):
        return
    drill = history.plan.drill
    checks = [record for record in history.records if isinstance(record, CheckFinished)]
    for record in checks:
        if record.outcome == "broken" and record.phase is not Phase.STEADY_STATE:
            yield f"a checker broke: {_check(record)}"
    reached = {record.phase for record in history.records if isinstance(record, PhaseStarted)}
    for phase, names in ((Phase.STEADY_STATE, drill.steady_state), (Phase.POSTCONDITIONS, drill.postconditions)):
        if over_early and phase not in reached:
            continue
        ran = {record.check for record in checks if record.phase is phase}
        for name in names:
            if name not in ran:
                yield f"{phase.replace('_', ' ')}: no result of the check {name}"
    for ended in history.records:
        if isinstance(ended, PhaseEnded) and ended.phase is Phase.POSTCONDITIONS and ended.problem:
            yield f"the post-conditions could not be checked: {first_line(ended.problem)}"


def _check(record: CheckFinished) -> str:
    return f"{record.check}: {record.name}" + _after(record.message)


def _after(detail: str | None) -> str:
    line = first_line(detail)
    return f": {line}" if line else ""
