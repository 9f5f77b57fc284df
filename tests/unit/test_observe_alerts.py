"""What the observer asks Alertmanager. The Alertmanager here is simulated: it serves what a test scripts."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from pydantic import ValidationError

from drill_runner.model.drill import ProbePlan
from drill_runner.model.inventory import Endpoint
from drill_runner.model.sample import AlertSample, ObserverStopped, Sample
from drill_runner.observe import alerts
from drill_runner.observe.config import FIXED_PROMPT, ObserverConfig
from drill_runner.observe.process import config_for
from drill_runner.observe.schedule import Watch
from drill_runner.observe.writer import SAMPLE, SampleWriter

DEADLINE_S = 20.0


def alert(name: str, since: str, **labels: str) -> dict[str, object]:
    """As Alertmanager's API v2 writes it, as far as it matters."""
    return {"labels": {"alertname": name, **labels}, "startsAt": since, "status": {"state": "active"}}


TWO_HOSTS = json.dumps(
    [
        alert("ModelIntegrity", "2026-11-24T10:15:09.000Z", instance="gpu2"),
        alert("ModelIntegrity", "2026-11-24T10:15:02.000Z", instance="gpu1"),
        alert("Watchdog", "2026-11-20T00:00:00.000Z"),
        {"labels": {"severity": "none"}, "startsAt": "2026-11-20T00:00:00.000Z"},
    ]
)
FIRING = {"ModelIntegrity": "2026-11-24T10:15:02.000Z", "Watchdog": "2026-11-20T00:00:00.000Z"}


class SimulatedAlertmanager:
    """Answers `GET /am/api/v2/alerts` on loopback with `body` and `status`, or not at all."""

    def __init__(self) -> None:
        self.body, self.status, self.silent = TWO_HOSTS, 200, False
        self.asked: list[web.Request] = []
        self.thrice, self.over = asyncio.Event(), asyncio.Event()
        self.url = ""

    async def answer(self, request: web.Request) -> web.Response:
        self.asked.append(request)
        if len(self.asked) == 3:
            self.thrice.set()
        if self.silent:
            await self.over.wait()
        return web.Response(text=self.body, status=self.status, headers={"Location": "/am/api/v2/alerts"})


@asynccontextmanager
async def simulated() -> AsyncIterator[SimulatedAlertmanager]:
    served = SimulatedAlertmanager()
    app = web.Application()
    app.router.add_get("/am/api/v2/alerts", served.answer)
    runner = web.AppRunner(app, shutdown_timeout=0)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    served.url = f"{site.name}/am"
    try:
        yield served
    finally:
        served.over.set()
        await runner.cleanup()


def asked(script: Callable[[SimulatedAlertmanager], None], tail: str = "/") -> tuple[AlertSample, list[web.Request]]:
    async def look() -> tuple[AlertSample, list[web.Request]]:
        async with simulated() as served, aiohttp.ClientSession() as session:
            served.url = f"http://127.0.0.1:{served.url.rpartition(':')[2]}"
            script(served)
            return await alerts.ask(session, served.url + tail), served.asked

    return asyncio.run(look())


@pytest.mark.parametrize("tail", ["", "/"])
def test_what_fires_by_name_neither_silenced_nor_inhibited(tail: str):
    sample, (request,) = asked(lambda _: None, tail)
    assert (sample.firing, sample.error) == (FIRING, None)
    assert sample.asked <= sample.answered
    assert dict(request.query) == {"active": "true", "silenced": "false", "inhibited": "false"}


def test_nothing_firing_is_an_answer():
    sample, _ = asked(lambda served: setattr(served, "body", "[]"))
    assert (sample.firing, sample.error) == ({}, None)


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"status": 503}, "Alertmanager answered with HTTP status 503"),
        ({"status": 302}, "Alertmanager answered with HTTP status 302"),
        ({"body": "<html>"}, "ValueError: not Alertmanager's alerts (JSONDecodeError)"),
        ({"body": '{"status": "success"}'}, "ValueError: not Alertmanager's alerts (TypeError)"),
        ({"body": '[{"labels": {"alertname": "A"}}]'}, "ValueError: not Alertmanager's alerts (KeyError)"),
        ({"body": '[{"labels": null, "startsAt": "x"}]'}, "ValueError: not Alertmanager's alerts (AttributeError)"),
    ],
)
def test_what_is_no_answer_proves_nothing(change: dict[str, object], error: str):
    sample, _ = asked(lambda served: served.__dict__.update(change))
    assert (sample.firing, sample.error) == (None, error)


def test_an_alertmanager_that_is_silent_is_given_up(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(alerts, "TIMEOUT_S", 0.1)
    sample, _ = asked(lambda served: setattr(served, "silent", True))
    assert (sample.firing, sample.error) == (None, "Alertmanager did not answer within 0.1 s")


def test_an_alertmanager_that_is_not_there():
    sample, requests = asked(lambda served: setattr(served, "url", "http://127.0.0.1:1"))
    assert (sample.firing, requests) == (None, [])
    assert sample.error is not None
    assert "Cannot connect" in sample.error


def test_the_observer_is_told_where_the_inventorys_alertmanager_is():
    endpoint = Endpoint(url="http://lb1", model="m", alertmanager_url="https://am1/base")
    assert config_for(endpoint, ProbePlan()).alertmanager_url == "https://am1/base"


@pytest.mark.parametrize("url", ["http://user:secret@am1:9093", "am1:9093", "http://am1:9093?silenced=true"])
def test_a_url_that_is_no_base_or_holds_a_password_is_refused(url: str):
    with pytest.raises(ValidationError, match="alertmanager_url"):
        Endpoint(url="http://lb1", model="m", alertmanager_url=url)


def test_the_observer_asks_again_and_again_and_keeps_the_services_key_to_itself(tmp_path: Path):
    out = tmp_path / "samples.jsonl"

    async def watch() -> list[web.Request]:
        writer = SampleWriter(out)
        async with simulated() as served, aiohttp.ClientSession(headers={"Authorization": "Bearer sk-1"}) as session:
            config = ObserverConfig(url=served.url, model="m", rate_hz=1, stream_rate_hz=0, alertmanager_url=served.url)
            watching = Watch(config, (FIXED_PROMPT,), writer)
            task = asyncio.create_task(watching.run(session))
            async with asyncio.timeout(DEADLINE_S):
                await served.thrice.wait()
                watching.stop()
                await task
        writer.close()
        return served.asked

    requests = asyncio.run(watch())
    assert all("Authorization" not in request.headers for request in requests)
    samples: list[Sample] = [SAMPLE.validate_json(line) for line in out.read_bytes().splitlines()]
    seen = [sample for sample in samples if isinstance(sample, AlertSample)]
    assert len(seen) >= 2
    assert {json.dumps(one.firing) for one in seen} == {json.dumps(FIRING)}
    assert isinstance(samples[-1], ObserverStopped)
