"""The open loop: probe i is due at start + i / rate, whatever came back and however late this process woke."""

import asyncio
import math
import time
from datetime import UTC, datetime
from functools import partial

import aiohttp

from drill_runner.model.sample import ClockSample, ObserverStarted, ObserverStopped, Outcome, ProbeSample
from drill_runner.observe import pool
from drill_runner.observe.config import ObserverConfig, Prompt
from drill_runner.observe.probe import Prober
from drill_runner.observe.writer import SampleWriter

FIRST_DUE_IN_S = 0.05
CLOCK_EVERY_S = 1.0
SPARE_REQUESTS = 8


def open_limit(config: ObserverConfig) -> int:
    """Most requests that can be open together: each ends by its due instant plus the timeout, so no more fit."""
    return math.ceil(config.rate_hz * config.timeout_s) + SPARE_REQUESTS


class Watch:
    """One observation, from its first line to its last."""

    def __init__(self, config: ObserverConfig, prompts: tuple[Prompt, ...], writer: SampleWriter) -> None:
        """Nothing is sent before `run`."""
        self._config = config
        self._prompts = prompts
        self._writer = writer
        self._open: set[asyncio.Task[None]] = set()
        self._scheduled = 0
        self._late_s = 0.0
        self._stop = asyncio.Event()

    def stop(self) -> None:
        """Schedule nothing more and wait for what is open; called again, do not even wait."""
        if self._stop.is_set():
            for request in self._open:
                request.cancel()
        self._stop.set()

    async def run(self, session: aiohttp.ClientSession, seconds: float | None = None) -> None:
        """Watch until told to stop, or for `seconds`. Every scheduled probe has its line when this returns."""
        config = self._config
        now = time.monotonic()
        self._writer.write(
            ObserverStarted(
                at=now,
                utc=datetime.now(UTC).isoformat(),
                rate_hz=config.rate_hz,
                timeout_s=config.timeout_s,
                ttft_slo_ms=config.ttft_slo_ms,
                url=config.url,
                model=config.model,
            )
        )
        prober = Prober(config, self._prompts, session)
        async with asyncio.TaskGroup() as group:
            beside = [group.create_task(self._check_clock())]
            if config.pool_stats_url and config.pool_backend:
                beside.append(group.create_task(self._ask_pool(session, config.pool_stats_url, config.pool_backend)))
            await self._send(group, prober, now + FIRST_DUE_IN_S, seconds)
            if self._open:
                await asyncio.wait(self._open)
            for task in beside:
                task.cancel()
        self._writer.write(ObserverStopped(at=time.monotonic(), scheduled=self._scheduled))

    async def _send(self, group: asyncio.TaskGroup, prober: Prober, start: float, seconds: float | None) -> None:
        period = 1 / self._config.rate_hz
        limit = open_limit(self._config)
        stopping = group.create_task(self._stop.wait())
        seq = 0
        while seconds is None or seq * period < seconds:
            due = start + seq * period
            await asyncio.wait({stopping}, timeout=max(0.0, due - time.monotonic()))
            if self._stop.is_set():
                break
            late_s = time.monotonic() - due
            self._late_s = max(self._late_s, late_s)
            self._scheduled = seq + 1
            # Sent late it still tells about the instant at which it was sent. A whole period late, that is the next
            # probe's to tell, and a burst of overdue requests would be a load that nobody asked for.
            if late_s >= period:
                self._not_sent(seq, due, f"woke {late_s * 1000:.0f} ms late")
            elif len(self._open) >= limit:
                self._not_sent(seq, due, f"{len(self._open)} requests are open already")
            else:
                request = group.create_task(self._probe(prober, seq, due))
                self._open.add(request)
                request.add_done_callback(partial(self._ended, seq, due))
            seq += 1
        stopping.cancel()

    async def _probe(self, prober: Prober, seq: int, due: float) -> None:
        self._writer.write(await prober.probe(seq, due))

    def _ended(self, seq: int, due: float, request: asyncio.Task[None]) -> None:
        self._open.discard(request)
        if request.cancelled():  # before its first step, so that it could not account for itself
            self._not_sent(seq, due, "the observer was stopped before the request was sent")

    def _not_sent(self, seq: int, due: float, why: str) -> None:
        now = time.monotonic()
        self._writer.write(
            ProbeSample(seq=seq, due=due, sent=None, first_token=None, end=now, outcome=Outcome.NOT_SENT, error=why)
        )

    async def _ask_pool(self, session: aiohttp.ClientSession, url: str, backend: str) -> None:
        while True:
            sample = await pool.ask(session, url, backend)
            self._writer.write(sample)
            await asyncio.sleep(max(0.0, sample.asked + pool.EVERY_S - time.monotonic()))

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
