"""Through the load balancer, from a client's place, every golden prompt gets its golden answer."""

import asyncio

import aiohttp

from drill_runner.model.inventory import Endpoint
from drill_runner.observe.config import Prompt

TIMEOUT = aiohttp.ClientTimeout(total=10)


def test_golden_answers(drill_endpoint: Endpoint, drill_golden: tuple[Prompt, ...], drill_api_key: str | None) -> None:
    answers = asyncio.run(_ask(drill_endpoint, drill_golden, drill_api_key))
    assert answers == {golden.prompt: golden.answer for golden in drill_golden}


def test_refuses_strangers(
    drill_endpoint: Endpoint, drill_golden: tuple[Prompt, ...], drill_api_key: str | None
) -> None:
    assert drill_api_key, "drill_endpoint.api_key_file is not set: everybody may ask"
    answers = asyncio.run(_ask(drill_endpoint, drill_golden[:1], "not-the-key"))
    assert list(answers.values()) == ["HTTP status 401"]


async def _ask(endpoint: Endpoint, prompts: tuple[Prompt, ...], key: str | None) -> dict[str, str]:
    """The answer to each prompt, or why there is none, one after the other."""
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    async with aiohttp.ClientSession(headers=headers, timeout=TIMEOUT) as session:
        return {golden.prompt: await _answer(session, endpoint, golden) for golden in prompts}


async def _answer(session: aiohttp.ClientSession, endpoint: Endpoint, golden: Prompt) -> str:
    body = {"model": endpoint.model, "prompt": golden.prompt, "max_tokens": golden.max_tokens, "temperature": 0}
    try:
        async with session.post(f"{endpoint.url.rstrip('/')}/v1/completions", json=body) as response:
            if response.status != 200:
                return f"HTTP status {response.status}"
            return str((await response.json())["choices"][0]["text"])
    except (aiohttp.ClientError, TimeoutError, ValueError, LookupError, TypeError) as error:
        return f"no answer: {type(error).__name__}: {error}"
