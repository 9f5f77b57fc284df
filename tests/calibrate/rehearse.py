"""Runs a script against the real observer and puts what was reported beside what was true."""

import asyncio
import json
import resource
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from drill_runner.evaluate.outages import outages, start_of
from drill_runner.model.result import Episode
from drill_runner.model.sample import ObserverStopped, Outcome, ProbeSample, Sample, StreamSample
from drill_runner.observe.config import ObserverConfig
from drill_runner.observe.process import Observer
from tests.calibrate.script import Outage
from tests.calibrate.server import ANSWER, ScriptedServer

RATE_HZ = 20.0
PERIOD_S = 1 / RATE_HZ
TIMEOUT_S = 2.0
TTFT_SLO_MS = 250.0
GOOD_IN_A_ROW = 10
STEADY_S = 2.0
BETWEEN_S = GOOD_IN_A_ROW * PERIOD_S + 0.35


@dataclass(frozen=True)
class Truth:
    """What really happened: instants on CLOCK_MONOTONIC."""

    name: str
    start: float
    end: float


@dataclass(frozen=True)
class Rehearsal:
    """What was true and what was seen."""

    truths: tuple[Truth, ...]
    samples: tuple[Sample, ...]
    cpu_share: float
    """Of one core, used by the observer."""

    @property
    def episodes(self) -> tuple[Episode, ...]:
        """What `evaluate` makes of the samples."""
        return outages(self.samples, GOOD_IN_A_ROW)

    @property
    def begin(self) -> float:
        """What the episodes' instants count from."""
        return start_of(self.samples)

    @property
    def probes(self) -> tuple[ProbeSample, ...]:
        """Every probe's line."""
        return tuple(sample for sample in self.samples if isinstance(sample, ProbeSample))

    @property
    def accounted(self) -> float:
        """Share of the scheduled probes and streams that have exactly one line."""
        once = _once(self.probes) + _once(self.streams)
        return once / self.scheduled if self.scheduled else 0.0

    @property
    def scheduled(self) -> int:
        """Probes and streams, as the observer counted them."""
        stopped = [sample for sample in self.samples if isinstance(sample, ObserverStopped)]
        return sum(sample.scheduled + sample.streams_scheduled for sample in stopped)

    @property
    def streams(self) -> tuple[StreamSample, ...]:
        """Every stream's line."""
        return tuple(sample for sample in self.samples if isinstance(sample, StreamSample))

    @property
    def not_sent(self) -> int:
        """Probes for which the observer woke too late."""
        return sum(probe.outcome is Outcome.NOT_SENT for probe in self.probes)


def _once(requests: Sequence[ProbeSample | StreamSample]) -> int:
    """How many there are; none if any is there twice."""
    seqs = {request.seq for request in requests}
    return len(seqs) if len(seqs) == len(requests) else 0


async def rehearse(script: Sequence[Outage], folder: Path) -> Rehearsal:
    """Run `script` once, with its files in `folder`."""
    golden = folder / "golden.json"
    questions = [{"prompt": f"The capital of France ({n})?", "max_tokens": 1, "answer": ANSWER} for n in range(3)]
    golden.write_text(json.dumps({"version": 1, "model": "scripted", "prompts": questions}), encoding="utf-8")
    async with ScriptedServer() as server:
        config = ObserverConfig(
            url=f"http://127.0.0.1:{server.port}",
            model="scripted",
            golden_file=str(golden),
            pool_stats_url=f"http://127.0.0.1:{server.port}/stats;csv",
            pool_backend="llm",
            rate_hz=RATE_HZ,
            timeout_s=TIMEOUT_S,
            ttft_slo_ms=TTFT_SLO_MS,
        )
        used, began = _children_cpu_s(), time.monotonic()
        observer = Observer(config, folder / "samples.jsonl")
        await asyncio.to_thread(observer.__enter__)
        try:
            await asyncio.sleep(STEADY_S)
            origin = time.monotonic()
            truths = [await _break(server, outage, origin) for outage in script]
            await asyncio.sleep(BETWEEN_S)
        finally:
            await asyncio.to_thread(observer.stop)
        seconds = time.monotonic() - began
        if observer.problem:
            raise RuntimeError(observer.problem)
    (folder / "truths.json").write_text(json.dumps([asdict(truth) for truth in truths], indent=2), encoding="utf-8")
    return Rehearsal(tuple(truths), tuple(observer.poll()), (_children_cpu_s() - used) / seconds)


async def _break(server: ScriptedServer, outage: Outage, origin: float) -> Truth:
    await _until(_at_phase(time.monotonic() + BETWEEN_S, outage.start_phase, origin))
    start = now = await server.begin(outage.trouble)
    for index, seconds in enumerate(outage.parts):
        if index == len(outage.parts) - 1:
            await _until(_at_phase(now + seconds, outage.end_phase, origin))
        else:
            await _until(now + seconds)
        now = await (server.begin(outage.trouble) if index % 2 else server.end())
    return Truth(outage.name, start, now)


def _at_phase(earliest: float, phase: float, origin: float) -> float:
    """The first instant from `earliest` on that has this phase against a grid of probe periods."""
    periods = -(-((earliest - origin) / PERIOD_S - phase) // 1)
    return origin + (periods + phase) * PERIOD_S


async def _until(instant: float) -> None:
    await asyncio.sleep(max(0.0, instant - time.monotonic()))


def _children_cpu_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
