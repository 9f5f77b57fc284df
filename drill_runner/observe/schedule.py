"""The open loop: request i is due at start + i / rate, whatever came back and however late this process woke.

There are two schedules, of probes and of longer streams, and neither waits for the other.
"""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial

import aiohttp

from drill_runner.model.sample import (
    ClockSample,
    ObserverStarted,
    ObserverStopped,
    Outcome,
    ProbeSample,
    StreamSample,
)
from drill_runner.observe import alerts, pool
from drill_runner.observe.config import ObserverConfig, Prompt
from drill_runner.observe.probe import Prober
from drill_runner.observe.writer import SampleWriter

FIRST_DUE_IN_S = 0.05
CLOCK_EVERY_S = 1.0
SPARE_REQUESTS = 8


def open_limit(config: ObserverConfig) -> int:
    """Most requests that can be open together."""
    return sum(_limit(*lane) for lane in ((config.rate_hz, config.timeout_s), _stream_lane(config)))


def _stream_lane(config: ObserverConfig) -> tuple[float, float]:
    return config.stream_rate_hz, config.stream_timeout_s


def _limit(rate_hz: float, timeout_s: float) -> int:
    """Each ends by its due instant plus the timeout, so no more fit."""
    return math.ceil(rate_hz * timeout_s) + SPARE_REQUESTS


@dataclass
class _Lane:
    """One schedule and what became of it so far."""

    period: float
    start: float
    limit: int
    ask: Callable[[int, float], Awaitable[ProbeSample | StreamSample]]
    blank: Callable[[int, float, str], ProbeSample | StreamSample]
    """The sample of a request that was not sent, and why."""
    scheduled: int = 0
    open: set[asyncio.Task[None]] = field(default_factory=set)


class Watch:
    """One observation, from its first line to its last."""

    def __init__(self, config: ObserverConfig, prompts: tuple[Prompt, ...], writer: SampleWriter) -> None:
        """Nothing is sent before `run`."""
        self._config = config
        self._prompts = prompts
        self._writer = writer
        self._lanes: list[_Lane] = []
        self._late_s = 0.0
        self._stop = asyncio.Event()

    def stop(self) -> None:
        """Schedule nothing more and wait for what is open; called again, do not even wait."""
        if self._stop.is_set():
            for request in [request for lane in self._lanes for request in lane.open]:
                request.cancel()
        self._stop.set()

    async def run(self, session: aiohttp.ClientSession, seconds: float | None = None) -> None:
        """Watch until told to stop, or for `seconds`. Every scheduled request has its line when this returns."""
        config = self._config
        now = time.monotonic()
        self._writer.write(
            ObserverStarted(
                at=now,
                utc=datetime.now(UTC).isoformat(),
                rate_hz=config.rate_hz,
                timeout_s=config.timeout_s,
                ttft_slo_ms=config.ttft_slo_ms,
                stream_rate_hz=config.stream_rate_hz,
                stream_tokens=config.stream_tokens,
                stream_timeout_s=config.stream_timeout_s,
                url=config.url,
                model=config.model,
            )
        )
        probes, streams = self._plan(Prober(config, self._prompts, session), now + FIRST_DUE_IN_S)
        self._lanes = [probes, streams] if config.stream_rate_hz else [probes]
        until = math.inf if seconds is None else now + FIRST_DUE_IN_S + seconds
        async with asyncio.TaskGroup() as group:
            beside = [group.create_task(self._check_clock())]
            if config.pool_stats_url and config.pool_backend:
                beside.append(group.create_task(self._ask_pool(session, config.pool_stats_url, config.pool_backend)))
            if config.alertmanager_url:
                beside.append(group.create_task(self._ask_alertmanager(config.alertmanager_url)))
            await asyncio.wait([group.create_task(self._send(group, lane, until)) for lane in self._lanes])
            if left := [request for lane in self._lanes for request in lane.open]:
                await asyncio.wait(left)
            for task in beside:
                task.cancel()
        self._writer.write(
            ObserverStopped(
                at=time.monotonic(),
                scheduled=probes.scheduled,
                streams_scheduled=streams.scheduled,
                lines=self._writer.lines + 1,
            )
        )

    def _plan(self, prober: Prober, start: float) -> tuple[_Lane, _Lane]:
        config = self._config
        period = 1 / config.rate_hz
        stream_hz, stream_timeout_s = _stream_lane(config)
        return (
            _Lane(period, start, _limit(config.rate_hz, config.timeout_s), prober.probe, _no_probe),
            # Half a period after a probe, so that the two never ask at the same instant.
            _Lane(
                1 / stream_hz if stream_hz else math.inf,
                start + period / 2,
                _limit(stream_hz, stream_timeout_s),
                prober.stream,
                _no_stream,
            ),
        )

    async def _send(self, group: asyncio.TaskGroup, lane: _Lane, until: float) -> None:
        stopping = group.create_task(self._stop.wait())
        seq = 0
        while (due := lane.start + seq * lane.period) < until:
            await asyncio.wait({stopping}, timeout=max(0.0, due - time.monotonic()))
            if self._stop.is_set():
                break
            late_s = time.monotonic() - due
            self._late_s = max(self._late_s, late_s)
            lane.scheduled = seq + 1
            # Sent late it still tells about the instant at which it was sent. A whole period late, that is the next
            # one's to tell, and a burst of overdue requests would be a load that nobody asked for.
            if late_s >= lane.period:
                self._writer.write(lane.blank(seq, due, f"woke {late_s * 1000:.0f} ms late"))
            elif len(lane.open) >= lane.limit:
                self._writer.write(lane.blank(seq, due, f"{len(lane.open)} requests are open already"))
            else:
                request = group.create_task(self._request(lane, seq, due))
                lane.open.add(request)
                request.add_done_callback(partial(self._ended, lane, seq, due))
            seq += 1
        stopping.cancel()

    async def _request(self, lane: _Lane, seq: int, due: float) -> None:
        self._writer.write(await lane.ask(seq, due))

    def _ended(self, lane: _Lane, seq: int, due: float, request: asyncio.Task[None]) -> None:
        lane.open.discard(request)
        if request.cancelled():  # before its first step, so that it could not account for itself
            self._writer.write(lane.blank(seq, due, "the observer was stopped before the request was sent"))

    async def _ask_pool(self, session: aiohttp.ClientSession, url: str, backend: str) -> None:
        while True:
            sample = await pool.ask(session, url, backend)
            self._writer.write(sample)
            await asyncio.sleep(max(0.0, sample.asked + pool.EVERY_S - time.monotonic()))

    async def _ask_alertmanager(self, url: str) -> None:
        # A session of its own: the other one's headers carry the service's key, which is not for Alertmanager.
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True)) as session:
            while True:
                sample = await alerts.ask(session, url)
                self._writer.write(sample)
                await asyncio.sleep(max(0.0, sample.asked + alerts.EVERY_S - time.monotonic()))

    async def _check_clock(self) -> None:
        at_start = _utc_less_monotonic()
        while True:
            asked = time.monotonic() + CLOCK_EVERY_S
            await asyncio.sleep(CLOCK_EVERY_S)
            now = time.monotonic()
            late_s = max(self._late_s, now - asked, 0.0)
            self._late_s = 0.0
            self._writer.write(ClockSample(at=now, late_s=late_s, utc_shift_s=_utc_less_monotonic() - at_start))
            # In a thread: a slow disk must not make probes late.
            await asyncio.to_thread(self._writer.sync)


def _utc_less_monotonic() -> float:
    before = time.monotonic()
    utc = time.time()
    return utc - (before + time.monotonic()) / 2


def _no_probe(seq: int, due: float, why: str) -> ProbeSample:
    end = time.monotonic()
    return ProbeSample(seq=seq, due=due, sent=None, first_token=None, end=end, outcome=Outcome.NOT_SENT, error=why)


def _no_stream(seq: int, due: float, why: str) -> StreamSample:
    end = time.monotonic()
    return StreamSample(
        seq=seq, due=due, sent=None, first_token=None, tokens=0, end=end, outcome=Outcome.NOT_SENT, error=why
    )
