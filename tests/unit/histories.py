"""Synthetic runs for tests: made-up but plausible samples, and the result that they mean.

Nothing here was measured. `story("outage")` gives the same run every time, so tests can say exact values.
"""

import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Literal

from pydantic import TypeAdapter

from drill_runner.evaluate.answers import disagreement
from drill_runner.evaluate.in_flight import in_flight
from drill_runner.evaluate.losses import losses
from drill_runner.evaluate.streams import level
from drill_runner.evaluate.stretches import stretches
from drill_runner.model.base import Interval
from drill_runner.model.drill import Drill, FaultUse, Objectives, ProbePlan, Recovery
from drill_runner.model.fault import Fault, Fidelity, Manifest
from drill_runner.model.inventory import Endpoint, Host, Inventory
from drill_runner.model.plan import Lease, Phase, Plan, Step
from drill_runner.model.result import (
    CheckResult,
    Episode,
    Mark,
    ObjectiveResult,
    Percentiles,
    PhaseSpan,
    Reason,
    Result,
    Verdict,
    Window,
)
from drill_runner.model.sample import (
    ObserverStarted,
    ObserverStopped,
    Outcome,
    PoolSample,
    ProbeSample,
    Sample,
    StreamSample,
)

STARTED = 5_000.0
"""The observer's start on the made-up monotonic clock."""
REPLICAS = ("gpu1", "gpu2")

StoryName = Literal["calm", "outage", "flap", "hang", "no_effect", "wrong_answers", "long"]
STORIES: tuple[StoryName, ...] = ("calm", "outage", "flap", "hang", "no_effect", "wrong_answers", "long")


@dataclass(frozen=True)
class Trouble:
    """From `start` to `end` (seconds since the observer's start) a probe may end as `outcome`."""

    start: float
    end: float
    outcome: Outcome
    share: float = 1.0


@dataclass(frozen=True)
class Script:
    """What a story tells. Seconds since the observer's start."""

    length: float = 45.0
    rate: float = 20.0
    effect: float | None = 8.0
    detected: float | None = 8.4
    back: float | None = 14.0
    down: tuple[tuple[float, float], ...] = ((8.4, 14.0),)
    troubles: tuple[Trouble, ...] = ()
    verdict: Verdict = Verdict.PASSED
    reasons: tuple[Reason, ...] = (Reason(verdict=Verdict.PASSED, text="Every objective was met."),)
    checks: tuple[CheckResult, ...] = ()


@dataclass(frozen=True)
class Story:
    """A run: what was meant, what was seen, what it means."""

    plan: Plan
    samples: tuple[Sample, ...]
    result: Result


@cache
def story(name: StoryName) -> Story:
    """The run called `name`. Frozen, so that tests can share it."""
    script = _SCRIPTS[name]()
    plan = a_plan(script)
    probes = tuple(_probes(script))
    streams = tuple(_streams(script))
    return Story(plan=plan, samples=_samples(script, probes, streams), result=_result(script, plan, probes, streams))


def a_plan(script: Script | None = None) -> Plan:
    """`server_crash` on gpu2 of the two-replica service."""
    rate = (script or Script()).rate
    drill = Drill(
        name="server_crash",
        summary="An engine dies under load; clients must not notice and the replica must come back by itself.",
        faults=(FaultUse(fault="server_crash", targets="llm_servers[1]"),),
        steady_state=("endpoint", "pool_full"),
        recovery=Recovery(within_s=120),
        objectives=Objectives(
            rto_s=10, replica_rto_s=30, detect_s=5, failed_requests=0, availability=0.999, ttft_p99_ms=500
        ),
        postconditions=("endpoint", "replicas_agree", "pool_full"),
        probe=ProbePlan(rate_hz=rate),
    )
    fault = Fault(
        name="server_crash",
        manifest=Manifest(
            summary="SIGKILL of the engine's process", fidelity=Fidelity.REAL, target_group="llm_servers"
        ),
    )
    inventory = Inventory(
        source="inventories/lab",
        hosts=tuple(Host(name=name, groups=frozenset({"llm_servers"}), drill_allowed=True) for name in REPLICAS),
        endpoint=Endpoint(url="http://10.231.77.10:8000", model="smollm2-135m-instruct"),
    )
    return Plan(
        run_id="20261124T101500Z-server_crash",
        drill=drill,
        inventory=inventory,
        leases=(Lease(id="server-crash-1", fault=fault, targets=("gpu2",), limit_s=300),),
        steps=(Step(phase=Phase.INJECT, does="Kill the engine on gpu2", playbook="fault_inject", hosts=("gpu2",)),),
    )


def _probes(script: Script) -> Sequence[ProbeSample]:
    dice = random.Random(7)  # noqa: S311 -- a plot's scatter, not a secret
    return [_probe(script, seq, dice) for seq in range(round(script.length * script.rate))]


def _probe(script: Script, seq: int, dice: random.Random) -> ProbeSample:
    offset = seq / script.rate
    due = STARTED + offset
    trouble = next((t for t in script.troubles if t.start <= offset < t.end and dice.random() < t.share), None)
    outcome = trouble.outcome if trouble else Outcome.OK
    away = any(start <= offset < end for start, end in script.down)
    replica = "gpu1" if away or seq % 2 else "gpu2"
    quick = dice.lognormvariate(-4.2, 0.25)
    if outcome in (Outcome.OK, Outcome.WRONG_ANSWER):
        return ProbeSample(
            seq=seq,
            due=due,
            sent=due + 0.0004,
            first_token=due + quick,
            end=due + quick + 0.001,
            outcome=outcome,
            status=200,
            replica=replica if outcome is Outcome.OK else "gpu2",
            answer=None if outcome is Outcome.OK else ' the</script><b onmouseover="alert(1)">',
        )
    seconds, status, error = _FAILURES[outcome](quick)
    return ProbeSample(
        seq=seq,
        due=due,
        sent=None if outcome is Outcome.NOT_SENT else due + 0.0004,
        first_token=due + seconds - 0.001 if outcome is Outcome.TOO_SLOW else None,
        end=due + seconds,
        outcome=outcome,
        status=status,
        replica=replica if status == 200 else None,
        error=error,
    )


def _streams(script: Script) -> Sequence[StreamSample]:
    dice = random.Random(11)  # noqa: S311 -- as above
    return [_stream(script, seq, dice) for seq in range(round(script.length / 2) - 1)]


def _stream(script: Script, seq: int, dice: random.Random) -> StreamSample:
    """One each two seconds, of 32 tokens in 0.4 s; one that is under way when the engine dies is cut."""
    offset = 1.725 + 2 * seq
    cut = script.effect is not None and offset < script.effect - 0.03 < offset + 0.4
    trouble = next((one for one in script.troubles if one.start <= offset < one.end), None)
    outcome = Outcome.TRUNCATED if cut else trouble.outcome if trouble else Outcome.OK
    tokens = 32 if outcome in (Outcome.OK, Outcome.WRONG_ANSWER) else 14 if cut else 0
    gaps = tuple(round(dice.lognormvariate(2.5, 0.2), 2) for _ in range(max(0, tokens - 1)))
    first = STARTED + offset + 0.02 if tokens else None
    return StreamSample(
        seq=seq,
        due=STARTED + offset,
        sent=STARTED + offset + 0.0004,
        first_token=first,
        gaps_ms=gaps,
        tokens=tokens,
        end=STARTED + script.effect if cut and script.effect else (first or STARTED + offset) + sum(gaps) / 1000,
        outcome=outcome,
        status=200 if tokens else None,
        replica="gpu2" if cut or outcome is Outcome.WRONG_ANSWER else "gpu1" if tokens else None,
        retries=0 if tokens else None,
        error="the stream ended without [DONE]" if cut else None,
    )


_MARK = TypeAdapter(Mark)

_FAILURES: dict[Outcome, Callable[[float], tuple[float, int | None, str | None]]] = {
    Outcome.TOO_SLOW: lambda quick: (2.0 + 60 * quick, 200, None),
    Outcome.HTTP_ERROR: lambda quick: (quick, 503, "503 Service Unavailable"),
    Outcome.CONNECTION_ERROR: lambda quick: (quick / 10, None, "connection refused"),
    Outcome.TIMEOUT: lambda _: (5.0, None, "no answer within 5 s"),
    Outcome.TRUNCATED: lambda quick: (3 * quick, 200, "the answer broke off"),
    Outcome.NOT_SENT: lambda _: (0.0, None, "behind schedule"),
}


def _samples(script: Script, probes: Sequence[ProbeSample], streams: Sequence[StreamSample]) -> tuple[Sample, ...]:
    start = ObserverStarted(
        at=STARTED,
        utc="2026-11-24T10:15:00.000000Z",
        rate_hz=script.rate,
        timeout_s=5.0,
        ttft_slo_ms=2000.0,
        url="http://10.231.77.10:8000",
        model="smollm2-135m-instruct",
    )
    pool = [_pool(script, tenth / 5) for tenth in range(round(script.length * 5))]
    stop = ObserverStopped(at=STARTED + script.length, scheduled=len(probes), streams_scheduled=len(streams))
    return (start, *probes, *streams, *pool, stop)


def _pool(script: Script, offset: float) -> PoolSample:
    away = any(start <= offset < end for start, end in script.down)
    asked = STARTED + offset
    if 30.0 <= offset < 30.6:
        return PoolSample(asked=asked, answered=asked + 0.5, servers={}, error="statistics did not answer")
    return PoolSample(asked=asked, answered=asked + 0.004, servers={"gpu1": "UP", "gpu2": "DOWN" if away else "UP"})


def _window(
    name: Literal["before", "during", "after", "all"],
    probes: Sequence[ProbeSample],
    streams: Sequence[StreamSample] = (),
) -> Window:
    good = [probe for probe in probes if probe.outcome is Outcome.OK]
    ttft = sorted((p.first_token - p.due) * 1000 for p in good if p.first_token is not None)
    rank = {share: ttft[max(0, -(-len(ttft) * share // 100) - 1)] for share in (50, 95, 99)} if ttft else {}
    return Window(
        name=name,
        scheduled=len(probes),
        good=len(good),
        by_outcome=dict(Counter(probe.outcome for probe in probes)),
        by_replica=dict(Counter(probe.replica for probe in good if probe.replica)),
        ttft_ms=Percentiles(count=len(ttft), p50=rank[50], p95=rank[95], p99=rank[99], max=ttft[-1]) if ttft else None,
        streams=level(streams, None),
    )


def _result(script: Script, plan: Plan, probes: Sequence[ProbeSample], streams: Sequence[StreamSample]) -> Result:
    bad = [probe for probe in probes if probe.outcome is not Outcome.OK]
    episodes = _episodes(probes)
    effect = _bounds(script.effect, 0.06)
    back = script.back or script.length
    whole = _window("all", probes, streams)
    within = [p for p in probes if (script.effect or 0) <= p.due - STARTED < back] if script.effect else []
    marks = _marks(script, effect, episodes)
    instants = {mark.name: mark.since_effect for mark in marks}
    rto = max((e.duration for e in episodes if e.duration), key=lambda d: d.upper, default=Interval(lower=0, upper=0))
    actuals: tuple[tuple[str, Literal["s", "ms", "requests", "share"], float, Interval | None], ...] = (
        ("rto_s", "s", 10.0, None if script.effect is None else rto),
        ("replica_rto_s", "s", 30.0, instants["replica_back"]),
        ("detect_s", "s", 5.0, instants["detected"]),
        ("failed_requests", "requests", 0.0, Interval(lower=len(bad), upper=len(bad))),
        ("availability", "share", 0.999, Interval(lower=whole.good / len(probes), upper=whole.good / len(probes))),
        (
            "ttft_p99_ms",
            "ms",
            500.0,
            Interval(lower=whole.ttft_ms.p99, upper=whole.ttft_ms.p99) if whole.ttft_ms else None,
        ),
    )
    before = [probe for probe in probes if probe.due - STARTED < (script.effect or script.length)]
    return Result(
        run_id=plan.run_id,
        drill=plan.drill.name,
        summary=plan.drill.summary,
        started_utc="2026-11-24T10:14:52.103311Z",
        verdict=script.verdict,
        reasons=script.reasons,
        objectives=tuple(_objective(*row) for row in actuals),
        episodes=episodes,
        windows=(
            _window("before", before),
            _window("during", within),
            _window("after", [p for p in probes if script.effect and p.due - STARTED >= back]),
            whole,
        ),
        disagreement=tuple(disagreement([*probes, *streams], STARTED)),
        in_flight=in_flight(
            [*probes, *streams],
            Interval(lower=STARTED + effect.lower, upper=STARTED + effect.upper) if effect else None,
        ),
        losses=losses(probes, streams, STARTED),
        phases=_phases(script),
        marks=marks,
        stretches=stretches(marks),
        checks=(*_CHECKS, *script.checks),
        faults={"server_crash": ("gpu2",)},
        versions={
            "drill_runner": "0.1.0",
            "ansible-core": "2.19.14",
            "python": "3.11.7",
            "gpu2 engine": "llama.cpp b9",
        },
    )


def _objective(
    name: str, unit: Literal["s", "ms", "requests", "share"], objective: float, actual: Interval | None
) -> ObjectiveResult:
    met: bool | None = None
    if actual is not None and name == "availability":
        met = actual.lower >= objective
    elif actual is not None and not actual.lower <= objective < actual.upper:
        met = actual.upper <= objective
    return ObjectiveResult(name=name, unit=unit, objective=objective, actual=actual, met=met)


def _bounds(instant: float | None, width: float) -> Interval | None:
    return None if instant is None else Interval(lower=instant - width, upper=instant)


def _episodes(probes: Sequence[ProbeSample]) -> tuple[Episode, ...]:
    found, open_since, bad, good = [], None, [], 0
    for before, probe in zip((None, *probes), probes, strict=False):
        if probe.outcome is not Outcome.OK:
            good = 0
            if open_since is None:
                last_good = before.due if before else probe.due
                open_since = Interval(lower=last_good - STARTED, upper=probe.due - STARTED)
            bad.append(probe)
        elif open_since is not None:
            good += 1
            if good == 10:
                end = Interval(lower=bad[-1].due - STARTED, upper=bad[-1].due - STARTED + 0.05)
                found.append(_episode(open_since, end, bad))
                open_since, bad = None, []
    if open_since is not None:
        found.append(_episode(open_since, None, bad))
    return tuple(found)


def _episode(start: Interval, end: Interval | None, bad: Sequence[ProbeSample]) -> Episode:
    return Episode(
        start=start,
        end=end,
        duration=end.since(start) if end else None,
        failed=len(bad),
        by_outcome=dict(Counter(probe.outcome for probe in bad)),
    )


def _marks(script: Script, effect: Interval | None, episodes: Sequence[Episode]) -> tuple[Mark, ...]:
    def later(seconds: float) -> float | None:
        return script.effect and script.effect + seconds

    rows: tuple[tuple[str, Interval | None, str], ...] = (
        ("effect", effect, "gpu2: process 4711 is gone (signal 9)"),
        ("first_failure", episodes[0].start if episodes else None, "the last good probe and the first bad one"),
        ("detected", _bounds(script.detected, 0.2), "HAProxy: gpu2 DOWN"),
        ("recovery_started", _bounds(later(0.6), 0.02), "systemd on gpu2: scheduled a restart"),
        ("weights_verified", _bounds(later(1.1), 0.02), "systemd on gpu2: the verification ended well"),
        ("process_started", _bounds(later(1.4), 0.1), "podman on gpu2: its process was started"),
        ("model_loaded", _bounds(later(4.2), 0.02), "the engine on gpu2: serving"),
        ("first_token", None, "no request was answered by gpu2 since it had gone"),
        ("restored", episodes[-1].end if episodes else None, "10 good probes in a row"),
        ("replica_back", _bounds(script.back, 0.2), "HAProxy: gpu2 UP"),
        ("whole", _bounds(script.back and script.back + 1, 0.2), "every target serves and the client's place is good"),
    )
    return tuple(
        _MARK.validate_python(
            {
                "name": name,
                "instant": instant,
                "since_effect": instant.since(effect) if instant and effect else None,
                "evidence": evidence if instant else "no evidence",
            }
        )
        for name, instant, evidence in rows
    )


def _phases(script: Script) -> tuple[PhaseSpan, ...]:
    effect = script.effect or 10.0
    back = script.back or script.length - 8
    edges = (
        (Phase.STEADY_STATE, 0.2, effect - 2.5),
        (Phase.INJECT, effect - 2.5, effect + 0.4),
        (Phase.OBSERVE, effect + 0.4, effect + 1.2),
        (Phase.RECOVER, effect + 1.2, back + 1),
        (Phase.POSTCONDITIONS, back + 1, back + 5),
        (Phase.REVERT, back + 5, back + 7),
    )
    problem = None if script.effect is not None else "gpu2: the engine's process was never gone"
    return tuple(
        PhaseSpan(phase=phase, start_s=start, end_s=end, problem=problem if phase is Phase.INJECT else None)
        for phase, start, end in edges
    )


def _check(
    phase: Phase,
    check: str,
    name: str,
    outcome: Literal["passed", "failed", "broken"] = "passed",
    message: str | None = None,
) -> CheckResult:
    return CheckResult(phase=phase, check=check, name=name, outcome=outcome, seconds=0.42, message=message)


_CHECKS = (
    _check(Phase.STEADY_STATE, "endpoint", "test_golden_answers"),
    _check(Phase.STEADY_STATE, "pool_full", "test_every_replica_is_up"),
    _check(Phase.POSTCONDITIONS, "endpoint", "test_golden_answers"),
    _check(Phase.POSTCONDITIONS, "replicas_agree", "test_golden_answers[gpu1]"),
    _check(Phase.POSTCONDITIONS, "replicas_agree", "test_golden_answers[gpu2]"),
)


def _failed(text: str) -> Reason:
    return Reason(verdict=Verdict.FAILED, text=text)


def _outage() -> Script:
    return Script(
        detected=9.1,
        back=26.3,
        down=((9.1, 26.3),),
        troubles=(Trouble(8.05, 9.2, Outcome.CONNECTION_ERROR), Trouble(9.2, 22.4, Outcome.HTTP_ERROR)),
        verdict=Verdict.FAILED,
        reasons=(
            _failed("Service restored (RTO): 14.30 to 14.40 s, promised at most 10 s."),
            _failed("287 requests failed, promised at most 0."),
            _failed("Availability 68.11 %, promised at least 99.9 %."),
            Reason(verdict=Verdict.PASSED, text="The replica came back after 18.3 s, promised at most 30 s."),
        ),
    )


def _flap() -> Script:
    down = ((8.4, 11.0), (15.0, 17.5), (22.0, 24.0))
    troubles = tuple(Trouble(start - 0.3, start + 0.4, Outcome.HTTP_ERROR, 0.5) for start, _ in down)
    return Script(
        back=24.0,
        down=down,
        troubles=troubles,
        verdict=Verdict.FAILED,
        reasons=(_failed("The replica left the pool three times."),),
        checks=(
            _check(
                Phase.POSTCONDITIONS,
                "pool_full",
                "test_every_replica_is_up",
                "failed",
                "AssertionError: gpu2 is DOWN in backend llm\nassert {'gpu1': 'UP', 'gpu2': 'DOWN'} == {…}",
            ),
        ),
    )


def _hang() -> Script:
    return Script(
        detected=11.2,
        back=None,
        down=((11.2, 45.0),),
        troubles=(
            Trouble(7.9, 11.0, Outcome.TIMEOUT, 0.5),
            Trouble(11.0, 13.5, Outcome.TOO_SLOW, 0.4),
            Trouble(40.2, 45.0, Outcome.TRUNCATED, 0.1),
        ),
        verdict=Verdict.FAILED,
        reasons=(
            _failed("gpu2 was not back in the pool within 120 s."),
            _failed("31 requests failed, promised at most 0."),
        ),
    )


def _no_effect() -> Script:
    return Script(
        effect=None,
        detected=None,
        back=None,
        down=(),
        verdict=Verdict.INCONCLUSIVE,
        reasons=(
            Reason(verdict=Verdict.INCONCLUSIVE, text="The fault did not land: gpu2's engine was never gone."),
            Reason(verdict=Verdict.INCONCLUSIVE, text="A check broke: replicas_agree."),
        ),
        checks=(
            _check(Phase.POSTCONDITIONS, "replicas_agree", "collection", "broken", "ImportError: no module 'golden'"),
        ),
    )


def _wrong_answers() -> Script:
    return Script(
        detected=10.5,
        back=20.0,
        down=((10.5, 20.0),),
        troubles=(Trouble(8.0, 10.5, Outcome.WRONG_ANSWER, 0.5),),
        verdict=Verdict.FAILED,
        reasons=(_failed("25 answers were wrong before gpu2 left the pool, promised at most 0 failed requests."),),
    )


def _long() -> Script:
    troubles = (Trouble(310.0, 322.0, Outcome.TIMEOUT, 0.4), Trouble(640.0, 641.0, Outcome.NOT_SENT))
    return replace(
        _outage(),
        length=1000.0,
        effect=300.0,
        detected=310.2,
        back=450.0,
        down=((310.2, 450.0),),
        troubles=troubles,
    )


_SCRIPTS: dict[StoryName, Callable[[], Script]] = {
    "calm": Script,
    "outage": _outage,
    "flap": _flap,
    "hang": _hang,
    "no_effect": _no_effect,
    "wrong_answers": _wrong_answers,
    "long": _long,
}
