"""One request for tokens, from the instant it is due to the sample that says how it ended."""

import asyncio
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import pairwise

import aiohttp

from drill_runner.model.sample import Outcome, ProbeSample, StreamSample
from drill_runner.observe.config import ObserverConfig, Prompt
from drill_runner.observe.stream import Answer, NotACompletionError
from drill_runner.observe.whole import WholeAnswer

OK_STATUS = 200
KEPT_TEXT = 200
"""Characters kept of an error or of a wrong answer."""
GAP_DIGITS = 2
"""Of a millisecond: finer than any loop wakes."""


@dataclass
class _Seen:
    """What was seen so far of one request's answer."""

    sent: float
    status: int | None = None
    replica: str | None = None
    retries: int | None = None
    answer: Answer | WholeAnswer = field(default_factory=Answer)


@dataclass(frozen=True)
class _Request:
    """One kind of question, and what it may take."""

    body: bytes
    timeout_s: float
    is_right: Callable[[str], bool]


class Prober:
    """Sends requests over `session`, whose connections must not be kept: a kept one hides a service that refuses."""

    def __init__(self, config: ObserverConfig, prompts: tuple[Prompt, ...], session: aiohttp.ClientSession) -> None:
        """Ask `prompts` in rotation."""
        self._url = f"{config.url.rstrip('/')}/v1/completions"
        self._slo_s = config.ttft_slo_ms / 1000
        self._probes = tuple(_probe(config, prompt) for prompt in prompts)
        self._streams = tuple(_stream(config, prompt) for prompt in prompts)
        self._session = session

    async def probe(self, seq: int, due: float) -> ProbeSample:
        """Send number `seq`, due at `due`. Always ends by `due` plus the timeout, and always with a sample.

        The answer is asked for whole: once a stream has begun, no load balancer can send its request again.
        """
        seen = _Seen(sent=time.monotonic(), answer=WholeAnswer())
        outcome, error = await self._exchange(self._probes[seq % len(self._probes)], seen, due)
        return ProbeSample(
            seq=seq,
            due=due,
            sent=seen.sent,
            first_token=seen.answer.first_token,
            end=time.monotonic(),
            outcome=outcome,
            status=seen.status,
            replica=seen.replica,
            retries=seen.retries,
            answer=_wrong(outcome, seen),
            error=error,
        )

    async def stream(self, seq: int, due: float) -> StreamSample:
        """As `probe`, for many tokens and the instants at which they came."""
        seen = _Seen(sent=time.monotonic())
        outcome, error = await self._exchange(self._streams[seq % len(self._streams)], seen, due)
        arrivals = seen.answer.arrivals
        return StreamSample(
            seq=seq,
            due=due,
            sent=seen.sent,
            first_token=seen.answer.first_token,
            gaps_ms=tuple(round((later - earlier) * 1000, GAP_DIGITS) for earlier, later in pairwise(arrivals)),
            tokens=len(arrivals),
            end=time.monotonic(),
            outcome=outcome,
            status=seen.status,
            replica=seen.replica,
            retries=seen.retries,
            answer=_wrong(outcome, seen),
            error=error,
        )

    async def _exchange(self, request: _Request, seen: _Seen, due: float) -> tuple[Outcome, str | None]:
        """Ask, and say how it ended and why. Never raises, never takes longer than the request may."""
        try:
            async with asyncio.timeout_at(due + request.timeout_s):
                await self._ask(request.body, seen)
            outcome, error = self._judge(seen, request, due)
        except TimeoutError:
            outcome, error = Outcome.TIMEOUT, f"no whole answer within {request.timeout_s:g} s"
        except asyncio.CancelledError:
            outcome, error = Outcome.NOT_SENT, "the observer was stopped with the request still open"
        except NotACompletionError as broken:
            outcome, error = Outcome.HTTP_ERROR, str(broken)
        except (aiohttp.ClientError, OSError) as broken:
            outcome = Outcome.CONNECTION_ERROR if seen.status is None else Outcome.TRUNCATED
            error = f"{type(broken).__name__}: {broken}"
        return outcome, error and " ".join(error.split())[:KEPT_TEXT]

    async def _ask(self, body: bytes, seen: _Seen) -> None:
        async with self._session.post(self._url, data=body, allow_redirects=False) as response:
            seen.status = response.status
            seen.replica = response.headers.get("x-served-by")
            seen.retries = _count(response.headers.get("x-retries"))
            if response.status != OK_STATUS:
                return
            wanted = "text/event-stream" if isinstance(seen.answer, Answer) else "application/json"
            if response.content_type != wanted:
                raise NotACompletionError(f"expected {wanted}, got {response.content_type}")
            async for piece in response.content.iter_any():
                seen.answer.feed(piece, time.monotonic())
                if seen.answer.done:
                    return
            seen.answer.end()

    def _judge(self, seen: _Seen, request: _Request, due: float) -> tuple[Outcome, str | None]:
        """How a request ended that met no error on its way. A wrong answer outweighs a slow one."""
        answer = seen.answer
        if seen.status != OK_STATUS:
            # The status alone: bodies of refused requests may repeat the key that was refused.
            return Outcome.HTTP_ERROR, f"HTTP status {seen.status}"
        if not answer.done or answer.first_token is None:
            return Outcome.TRUNCATED, "the answer broke off"
        if not request.is_right(answer.text):
            return Outcome.WRONG_ANSWER, None
        ttft_s = answer.first_token - due
        if ttft_s > self._slo_s:
            return Outcome.TOO_SLOW, f"first token after {ttft_s:.3f} s"
        return Outcome.OK, None


def _probe(config: ObserverConfig, prompt: Prompt) -> _Request:
    golden = prompt.answer
    body = _body(config.model, prompt, stream=False)
    return _Request(body, config.timeout_s, bool if golden is None else golden.__eq__)


def _stream(config: ObserverConfig, prompt: Prompt) -> _Request:
    """The same question with more room. Decoding is greedy, so the answer begins as the golden one does."""
    longer = replace(prompt, max_tokens=max(config.stream_tokens, prompt.max_tokens))
    golden = prompt.answer
    is_right = bool if golden is None else lambda text: text.startswith(golden)
    return _Request(_body(config.model, longer, stream=True), config.stream_timeout_s, is_right)


def _body(model: str, prompt: Prompt, *, stream: bool) -> bytes:
    asked = {"model": model, "prompt": prompt.prompt, "max_tokens": prompt.max_tokens, "temperature": 0}
    return json.dumps(asked | {"stream": stream}).encode()


def _wrong(outcome: Outcome, seen: _Seen) -> str | None:
    return seen.answer.text[:KEPT_TEXT] if outcome is Outcome.WRONG_ANSWER else None


def _count(header: str | None) -> int | None:
    return int(header) if header is not None and header.isascii() and header.isdigit() else None
