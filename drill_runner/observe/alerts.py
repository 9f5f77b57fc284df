"""What fires by Alertmanager, asked twice a second."""

import asyncio
import json
import time
from http import HTTPStatus

import aiohttp

from drill_runner.model.sample import AlertSample

EVERY_S = 0.5
TIMEOUT_S = 2.0
"""Alertmanager answers from memory; where hundreds of alerts fire, that takes a while."""
FIRING = {"active": "true", "silenced": "false", "inhibited": "false"}


def parse(text: str) -> dict[str, str]:
    """The earliest `startsAt` by `alertname`; ValueError if it is not what Alertmanager answers."""
    firing: dict[str, str] = {}
    try:
        for alert in json.loads(text):
            name, since = alert["labels"].get("alertname"), str(alert["startsAt"])
            if name is not None:
                firing[name] = min(since, firing.get(name, since))
    except (AttributeError, KeyError, TypeError, json.JSONDecodeError) as error:
        raise ValueError(f"not Alertmanager's alerts ({type(error).__name__})") from error
    return firing


async def ask(session: aiohttp.ClientSession, url: str) -> AlertSample:
    """One look. What goes wrong is part of the sample.

    Args:
        session: One that carries nobody's credentials: Alertmanager is not the service.
        url: Alertmanager's base.
    """
    asked = time.monotonic()
    alerts = f"{url.rstrip('/')}/api/v2/alerts"
    try:
        async with (
            asyncio.timeout_at(asked + TIMEOUT_S),
            session.get(alerts, params=FIRING, allow_redirects=False) as response,
        ):
            if response.status != HTTPStatus.OK:
                return _nothing(asked, f"Alertmanager answered with HTTP status {response.status}")
            firing = parse(await response.text())
    except TimeoutError:
        return _nothing(asked, f"Alertmanager did not answer within {TIMEOUT_S:g} s")
    except (aiohttp.ClientError, OSError, ValueError) as error:
        return _nothing(asked, f"{type(error).__name__}: {error}")
    return AlertSample(asked=asked, answered=time.monotonic(), firing=firing)


def _nothing(asked: float, error: str) -> AlertSample:
    return AlertSample(asked=asked, answered=time.monotonic(), firing=None, error=error)
