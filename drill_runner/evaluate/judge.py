"""From history to result, one step after the other."""

from dataclasses import replace

from drill_runner.evaluate.answers import disagreement
from drill_runner.evaluate.findings import Findings
from drill_runner.evaluate.history import History
from drill_runner.evaluate.in_flight import in_flight
from drill_runner.evaluate.losses import losses
from drill_runner.evaluate.marks import effect_of, instant, marks
from drill_runner.evaluate.measures import measured
from drill_runner.evaluate.objectives import objectives
from drill_runner.evaluate.outages import outages, probes_of, start_of
from drill_runner.evaluate.recovery_points import recovery_points
from drill_runner.evaluate.service import stream_tally, tally, windows
from drill_runner.evaluate.streams import promised_itl_ms, streams_of
from drill_runner.evaluate.stretches import stretches
from drill_runner.evaluate.verdict import is_sound, reasons, took_place
from drill_runner.model.base import Interval
from drill_runner.model.drill import ProbePlan
from drill_runner.model.plan import Plan
from drill_runner.model.record import CheckFinished, DelayDrawn, PhaseEnded, PhaseStarted, Record, RunStarted
from drill_runner.model.result import CheckResult, Mark, PhaseSpan, Result


def evaluate(history: History) -> Result:
    """What `history` means. Pure: no clock, no host, no file."""
    plan = history.plan
    begin = start_of(history.samples)
    probes = probes_of(history.samples)
    counts = tally(probes, history.samples)
    streams, itl_ms = streams_of(history.samples), promised_itl_ms(history)
    episodes = outages(history.samples, (plan.probe if plan else ProbePlan()).good_in_a_row)
    found = marks(history, episodes)
    points = recovery_points(history.evidence, effect_of(history))
    measures = measured(history, probes, counts, episodes, found, points=points)
    promises = objectives(history, measures, probes, episodes)
    findings = Findings(
        history=history,
        probes=probes,
        counts=counts,
        streams=streams,
        stream_counts=stream_tally(streams, history.samples, itl_ms),
        episodes=episodes,
        marks=found,
        objectives=promises,
        begin=begin,
    )
    if not took_place(findings):
        promises = tuple(replace(one, met=None, judged=False) for one in promises)
        findings = replace(findings, objectives=promises)
    why = reasons(findings)
    effect, back = instant(found, "effect"), _everything_back(found)
    started = next((record for record in history.records if isinstance(record, RunStarted)), None)
    return Result(
        run_id=plan.run_id if plan else history.folder,
        drill=plan.name if plan else "unknown",
        summary=plan.summary if plan else "",
        started_utc=started.utc if started else "unknown",
        verdict=why[0].verdict,
        reasons=why,
        sound=is_sound(findings),
        objectives=promises,
        measured=measures,
        episodes=episodes,
        windows=windows(
            probes, streams, begin + effect.lower if effect else None, begin + back.upper if back else None, itl_ms
        ),
        disagreement=tuple(disagreement([*probes, *streams], begin)),
        in_flight=in_flight([*probes, *streams], effect_of(history)),
        losses=losses(probes, streams, begin),
        phases=_phases(history.records, begin),
        marks=found,
        stretches=stretches(found),
        recovery_points=points,
        checks=tuple(_check(record) for record in history.records if isinstance(record, CheckFinished)),
        faults=plan.fault_targets if isinstance(plan, Plan) else {},
        delay=next((record.delay for record in history.records if isinstance(record, DelayDrawn)), None),
        versions=dict(sorted(started.versions.items())) if started else {},
    )


def _everything_back(found: tuple[Mark, ...]) -> Interval | None:
    """The client's place restored and every target back, as far as either is known; None if the runner saw neither."""
    if instant(found, "whole") is None:
        return None
    known = [at for at in (instant(found, "restored"), instant(found, "replica_back")) if at]
    return max(known, key=lambda at: at.upper, default=instant(found, "whole"))


def _phases(records: tuple[Record, ...], begin: float) -> tuple[PhaseSpan, ...]:
    spans: list[PhaseSpan] = []
    for record in records:
        if isinstance(record, PhaseStarted):
            spans.append(PhaseSpan(phase=record.phase, start_s=record.at - begin, end_s=None))
        elif isinstance(record, PhaseEnded) and spans and spans[-1].phase is record.phase:
            begun = spans.pop().start_s
            ended = PhaseSpan(phase=record.phase, start_s=begun, end_s=record.at - begin, problem=record.problem)
            spans.append(ended)
    return tuple(spans)


def _check(record: CheckFinished) -> CheckResult:
    return CheckResult(
        phase=record.phase,
        check=record.check,
        name=record.name,
        outcome=record.outcome,
        seconds=record.seconds,
        message=record.message,
    )
