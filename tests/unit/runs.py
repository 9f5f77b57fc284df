"""Builds small runs by hand: probes on an exact schedule, so that tests can say exact values. Nothing was measured."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

from pydantic import TypeAdapter

from drill_runner.evaluate.history import History
from drill_runner.model.base import Interval
from drill_runner.model.drill import Detection, Drill, FaultUse, Objectives, ProbePlan, Recovery
from drill_runner.model.fault import Fault, Fidelity, Manifest
from drill_runner.model.inventory import Endpoint, Host, Inventory
from drill_runner.model.plan import AnyPlan, Lease, Phase, Plan, Step
from drill_runner.model.record import (
    CheckFinished,
    EffectShown,
    PhaseEnded,
    PhaseStarted,
    Record,
    RunEnded,
    RunStarted,
    Whole,
)
from drill_runner.model.sample import (
    ClockSample,
    ObserverStarted,
    ObserverStopped,
    Outcome,
    PoolSample,
    ProbeSample,
    Sample,
    StreamSample,
)

BEGIN = 1000.0
"""The observer's start."""
PERIOD = 0.125
"""Exact in binary, so that sums are."""
SENT_AFTER, ANSWERED_AFTER, ENDED_AFTER = 1 / 1024, 9 / 1024, 10 / 1024
USUAL = ANSWERED_AFTER - SENT_AFTER
GOOD_IN_A_ROW = 4
BAD = tuple(outcome for outcome in Outcome if outcome not in (Outcome.OK, Outcome.NOT_SENT))


def due(seq: int) -> float:
    """When probe `seq` is due: the first with the observer's start."""
    return BEGIN + seq * PERIOD


def probe(seq: int, outcome: Outcome = Outcome.OK, *, after: float | None = None, replica: str = "gpu1") -> ProbeSample:
    """A probe that was answered, or failed, `after` seconds after it was due."""
    answered = outcome in (Outcome.OK, Outcome.WRONG_ANSWER, Outcome.TOO_SLOW)
    ended = due(seq) + (ENDED_AFTER if after is None else after)
    return ProbeSample(
        seq=seq,
        due=due(seq),
        sent=None if outcome is Outcome.NOT_SENT else due(seq) + SENT_AFTER,
        first_token=(due(seq) + ANSWERED_AFTER if after is None else ended) if answered else None,
        end=ended,
        outcome=outcome,
        status=200 if answered else None,
        replica=replica if answered else None,
    )


def probes(count: int, but: Mapping[int, ProbeSample | Outcome] | None = None) -> tuple[ProbeSample, ...]:
    """`count` good probes, except those in `but`."""
    made = []
    for seq in range(count):
        other = (but or {}).get(seq, Outcome.OK)
        made.append(other if isinstance(other, ProbeSample) else probe(seq, other))
    return tuple(made)


STREAM_PERIOD = 0.5
TOKENS = 5
GAP_MS = 62.5
"""A stream of `TOKENS` tokens takes a quarter of a second after its first one."""


def stream(
    seq: int, outcome: Outcome = Outcome.OK, *, tokens: int = TOKENS, gap_ms: float = GAP_MS, replica: str = "gpu1"
) -> StreamSample:
    """A stream that gave `tokens`, one each `gap_ms`, and ended with the last one, or at its timeout of 2 s."""
    at = BEGIN + PERIOD / 2 + seq * STREAM_PERIOD
    first = at + ANSWERED_AFTER
    sent = outcome is not Outcome.NOT_SENT
    gaps = (gap_ms,) * max(0, tokens - 1) if sent else ()
    return StreamSample(
        seq=seq,
        due=at,
        sent=at + SENT_AFTER if sent else None,
        first_token=first if tokens and sent else None,
        gaps_ms=gaps,
        tokens=tokens if sent else 0,
        end=at + 2 if outcome is Outcome.TIMEOUT else first + sum(gaps) / 1000,
        outcome=outcome,
        status=200 if tokens and sent else None,
        replica=replica if tokens and sent else None,
    )


def streams(count: int, but: Mapping[int, StreamSample] | None = None) -> tuple[StreamSample, ...]:
    """`count` good streams, except those in `but`."""
    return tuple((but or {}).get(seq, stream(seq)) for seq in range(count))


def watched(
    seen: Sequence[ProbeSample],
    pool: Iterable[PoolSample] = (),
    clock: Iterable[ClockSample] = (),
    streamed: Sequence[StreamSample] = (),
) -> tuple[Sample, ...]:
    """What an observer writes around its probes."""
    started = ObserverStarted(
        at=BEGIN, utc="2026-11-24T10:15:00+00:00", rate_hz=8, timeout_s=2, ttft_slo_ms=500, url="http://lb1", model="m"
    )
    stopped = ObserverStopped(at=due(len(seen)) + 2, scheduled=len(seen), streams_scheduled=len(streamed))
    return (started, *seen, *streamed, *pool, *clock, stopped)


def look(at: float, gpu2: str = "UP") -> PoolSample:
    """The load balancer's statistics, asked `at` seconds after the observer's start."""
    return PoolSample(asked=BEGIN + at, answered=BEGIN + at + 0.0625, servers={"gpu1": "UP", "gpu2": gpu2})


def plan(objectives: Objectives | None = None, detection: Detection | None = None, playbook: str | None = None) -> Plan:
    """`server_crash` on gpu2."""
    drill = Drill(
        name="server_crash",
        summary="An engine dies.",
        faults=(FaultUse(fault="server_crash", targets="gpu2"),),
        steady_state=("endpoint",),
        steady_s=1,
        detection=detection,
        recovery=Recovery(playbook=playbook),
        objectives=objectives or Objectives(rto_s=5, failed_requests=0),
        postconditions=("endpoint",),
        probe=ProbePlan(rate_hz=8, timeout_s=2, ttft_slo_ms=500, good_in_a_row=GOOD_IN_A_ROW),
    )
    manifest = Manifest(summary="SIGKILL", fidelity=Fidelity.REAL, target_group="llm_servers")
    return Plan(
        run_id="20261124T101500Z-server_crash",
        drill=drill,
        inventory=Inventory(
            source="inventories/lab",
            hosts=(Host(name="gpu2", groups=frozenset({"llm_servers"}), drill_allowed=True),),
            endpoint=Endpoint(url="http://lb1", model="m"),
        ),
        leases=(
            Lease(
                id="server-crash-1",
                fault=Fault(name="server_crash", manifest=manifest),
                targets=("gpu2",),
                limit_s=300,
            ),
        ),
        steps=(Step(phase=Phase.INJECT, does="Kill the engine on gpu2"),),
    )


EFFECT = Interval(lower=BEGIN + 2.0, upper=BEGIN + 2.0625)


def records() -> tuple[Record, ...]:
    """A run in which all went well: effect at 2 s, whole at 4 s, over at 6 s."""

    effect = EffectShown(
        at=BEGIN + 2.1, lease="server-crash-1", host="gpu2", took_hold=EFFECT, evidence="process 7 is gone"
    )
    return (
        RunStarted(at=BEGIN - 1, utc="2026-11-24T10:14:59+00:00", run_id=plan().run_id, versions={"python": "3.11.7"}),
        *_phase(Phase.STEADY_STATE, 0, 1.5, check(Phase.STEADY_STATE, 1)),
        *_phase(Phase.INJECT, 1.5, 2.25, effect),
        *_phase(Phase.OBSERVE, 2.25, 3),
        *_phase(Phase.RECOVER, 3, 4, Whole(at=BEGIN + 4, what="gpu2 serves")),
        *_phase(Phase.POSTCONDITIONS, 4, 5, check(Phase.POSTCONDITIONS, 4.5)),
        *_phase(Phase.REVERT, 5, 6),
        RunEnded(at=BEGIN + 6, utc="2026-11-24T10:15:06+00:00", reverted=True),
    )


def _phase(name: Phase, start: float, end: float, *during: Record) -> tuple[Record, ...]:
    return PhaseStarted(at=BEGIN + start, phase=name), *during, PhaseEnded(at=BEGIN + end, phase=name)


def check(
    phase: Phase, at: float, outcome: Literal["passed", "failed", "broken"] = "passed", message: str | None = None
) -> CheckFinished:
    """The result of the check `endpoint`."""
    return CheckFinished(
        at=BEGIN + at, phase=phase, check="endpoint", name="test_it", outcome=outcome, seconds=0.1, message=message
    )


LOOKS = (look(1.0), look(2.25, "DOWN"), look(2.5, "DOWN"), look(3.0), look(4.0))


def history(samples: Sequence[Sample] | None = None, **changes: object) -> History:
    """A run that passes, with `changes` to History's fields."""
    passing = History(
        folder="20261124T101500Z-server_crash",
        plan=plan(),
        records=records(),
        samples=tuple(watched(probes(48), pool=LOOKS) if samples is None else samples),
    )
    return replace(passing, **changes)  # type: ignore[arg-type]


_PLAN: TypeAdapter[AnyPlan] = TypeAdapter(AnyPlan)
_RECORD: TypeAdapter[Record] = TypeAdapter(Record)
_SAMPLE: TypeAdapter[Sample] = TypeAdapter(Sample)


def write(run: History, folder: Path) -> Path:
    """Leave `run` as the runner would."""
    folder.mkdir(exist_ok=True)
    if run.plan is not None:
        (folder / "plan.json").write_bytes(_PLAN.dump_json(run.plan, indent=2) + b"\n")
    (folder / "journal.jsonl").write_bytes(b"".join(_RECORD.dump_json(record) + b"\n" for record in run.records))
    (folder / "samples.jsonl").write_bytes(b"".join(_SAMPLE.dump_json(sample) + b"\n" for sample in run.samples))
    for phase in {record.phase for record in run.records if isinstance(record, CheckFinished)}:
        cases = [one.name for one in run.records if isinstance(one, CheckFinished) and one.phase is phase]
        content = "".join(f'<testcase name="{name}"/>' for name in cases)
        (folder / f"checks-{phase}.xml").write_text(f"<testsuites><testsuite>{content}</testsuite></testsuites>")
    return folder


def counted(run: History) -> History:
    """`run` with the numbers of lines that a journal and an observer write into their last ones."""
    records = [replace(one, records=len(run.records)) if isinstance(one, RunEnded) else one for one in run.records]
    samples = [replace(one, lines=len(run.samples)) if isinstance(one, ObserverStopped) else one for one in run.samples]
    return replace(run, records=tuple(records), samples=tuple(samples))
