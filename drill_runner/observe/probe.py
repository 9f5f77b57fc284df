"""One request for tokens, from the instant it is due to the sample that says how it ended."""

import asyncio
import json
import time
from dataclasses import dataclass, field

import aiohttp

from drill_runner.model.sample import Outcome, ProbeSample
from drill_runner.observe.config import ObserverConfig, Prompt
from drill_runner.observe.stream import Answer, NotAnEventError

OK_STATUS = 200
KEPT_TEXT = 200
"""Characters kept of an error or of a wrong answer."""


@dataclass
class _Seen:
    """What was seen so far of one request's answer."""

    sent: float
    status: int | None = None
    replica: str | None = None
    answer: Answer = field(default_factory=Answer)


class Prober:
    """Sends probes over `session`, whose connections must not be kept: a kept one hides a service that refuses."""

    def __init__(self, config: ObserverConfig, prompts: tuple[Prompt, ...], session: aiohttp.ClientSession) -> None:
        """Ask `prompts` in rotation."""
        self._url = f"{config.url.rstrip('/')}/v1/completions"
        self._timeout_s = config.timeout_s
        self._slo_s = config.ttft_slo_ms / 1000
        self._prompts = prompts
        self._bodies = tuple(_body(config.model, prompt) for prompt in prompts)
        self._session = session

    async def probe(self, seq: int, due: float) -> ProbeSample:
        """Send number `seq`, due at `due`. Always ends by `due` plus the timeout, and always with a sample."""
        seen = _Seen(sent=time.monotonic())
        prompt = self._prompts[seq % len(self._prompts)]
        try:
            async with asyncio.timeout_at(due + self._timeout_s):
                await self._ask(self._bodies[seq % len(self._bodies)], seen)
            outcome, error = self._judge(seen, prompt, due)
        except TimeoutError:
            outcome, error = Outcome.TIMEOUT, f"no whole answer within {self._timeout_s:g} s"
        except asyncio.CancelledError:
            outcome, error = Outcome.NOT_SENT, "the observer was stopped with the request still open"
        except NotAnEventError as broken:
            outcome, error = Outcome.HTTP_ERROR, str(broken)
        except (aiohttp.ClientError, OSError) as broken:
            outcome = Outcome.CONNECTION_ERROR if seen.status is None else Outcome.TRUNCATED
            error = f"{type(broken).__name__}: {broken}"
        wrong = outcome is Outcome.WRONG_ANSWER
        return ProbeSample(
            seq=seq,
            due=due,
            sent=seen.sent,
            first_token=seen.answer.first_token,
            end=time.monotonic(),
            outcome=outcome,
            status=seen.status,
            replica=seen.replica,
            answer=seen.answer.text[:KEPT_TEXT] if wrong else None,
            error=error and " ".join(error.split())[:KEPT_TEXT],
        )

    async def _ask(self, body: bytes, seen: _Seen) -> None:
        async with self._session.post(self._url, data=body, allow_redirects=False) as response:
            seen.status = response.status
            seen.replica = response.headers.get("x-served-by")
            if response.status != OK_STATUS:
                return
            if response.content_type != "text/event-stream":
                raise NotAnEventError(f"expected an event stream, got {response.content_type}")
            async for piece in response.content.iter_any():
                seen.answer.feed(piece, time.monotonic())
                if seen.answer.done:
                    return

    def _judge(self, seen: _Seen, prompt: Prompt, due: float) -> tuple[Outcome, str | None]:
        """How a request ended that met no error on its way. A wrong answer outweighs a slow one."""
        answer = seen.answer
        if seen.status != OK_STATUS:
            # The status alone: bodies of refused requests may repeat the key that was refused.
            return Outcome.HTTP_ERROR, f"HTTP status {seen.status}"
        if not answer.done or answer.first_token is None:
            return Outcome.TRUNCATED, "the stream ended without [DONE]"
        if answer.text != prompt.answer if prompt.answer is not None else not answer.text:
            return Outcome.WRONG_ANSWER, None
        ttft_s = answer.first_token - due
        if ttft_s > self._slo_s:
            return Outcome.TOO_SLOW, f"first token after {ttft_s:.3f} s"
        return Outcome.OK, None


def _body(model: str, prompt: Prompt) -> bytes:
    asked = {"model": model, "prompt": prompt.prompt, "max_tokens": prompt.max_tokens, "temperature": 0, "stream": True}
    return json.dumps(asked).encode()
