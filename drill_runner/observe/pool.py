"""The load balancer's view: HAProxy's statistics, five times a second."""

import asyncio
import csv
import time

import aiohttp

from drill_runner.model.sample import PoolSample

EVERY_S = 0.2
TIMEOUT_S = 1.0
"""The statistics answer in milliseconds or not at all."""


def parse(text: str, backend: str) -> dict[str, str]:
    """Status by server of `backend`, from HAProxy's CSV; ValueError if the backend is not in it."""
    rows = csv.DictReader(text.removeprefix("# ").splitlines())
    servers = {
        row["svname"]: _word(row.get("status"))
        for row in rows
        if row.get("pxname") == backend and row.get("svname") not in (None, "", "FRONTEND", "BACKEND")
    }
    if not servers:
        raise ValueError(f"the statistics know no server of a backend called {backend}")
    return servers


def _word(status: str | None) -> str:
    """The status without its counters (`DOWN 1/2`) and reasons (`DOWN (agent)`)."""
    if not status:
        return "unknown"
    return status if status == "no check" else status.split()[0]


async def ask(session: aiohttp.ClientSession, url: str, backend: str) -> PoolSample:
    """One look. What goes wrong is part of the sample."""
    asked = time.monotonic()
    try:
        async with asyncio.timeout_at(asked + TIMEOUT_S), session.get(url, allow_redirects=False) as response:
            response.raise_for_status()
            servers = parse(await response.text(), backend)
    except TimeoutError:
        return _nothing(asked, f"the statistics did not answer within {TIMEOUT_S:g} s")
    except aiohttp.ClientResponseError as error:
        return _nothing(asked, f"the statistics answered with HTTP status {error.status}")
    except (aiohttp.ClientError, OSError, ValueError, csv.Error) as error:
        return _nothing(asked, f"{type(error).__name__}: {error}")
    return PoolSample(asked=asked, answered=time.monotonic(), servers=servers)


async def look(url: str, backend: str) -> PoolSample:
    """One look, for who looks once."""
    async with aiohttp.ClientSession() as session:
        return await ask(session, url, backend)


def _nothing(asked: float, error: str) -> PoolSample:
    return PoolSample(asked=asked, answered=time.monotonic(), servers={}, error=error)
