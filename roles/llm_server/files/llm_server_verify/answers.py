"""Does the engine give the answers that were recorded when its weights were known to be right?"""

from __future__ import annotations

import http.client
import json
from dataclasses import asdict
from typing import TYPE_CHECKING

from llm_server_verify.settings import Prompt, Settings, load_key, load_settings, subject

if TYPE_CHECKING:
    from collections.abc import Sequence

GOLDEN_VERSION = 1


class WrongAnswerError(Exception):
    """The engine answered, and not what it should."""


class NoAnswerError(Exception):
    """No answer to judge: refused, hung, loading, busy."""


def ask(settings: Settings, key: str, prompt: Prompt) -> str:
    """The engine's greedy continuation.

    Raises:
        NoAnswerError: There is no answer to judge.
        WrongAnswerError: The engine refuses the request.
    """
    host, _, port = settings.url.removeprefix("http://").partition(":")
    body = {"model": settings.model, "prompt": prompt.prompt, "max_tokens": prompt.max_tokens, "temperature": 0}
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {key}"}
    connection = http.client.HTTPConnection(host, int(port), timeout=settings.timeout_s)
    try:
        connection.request("POST", "/v1/completions", json.dumps(body), headers)
        response = connection.getresponse()
        payload = response.read()
    except (OSError, http.client.HTTPException) as error:
        raise NoAnswerError(f"{type(error).__name__}: {error}") from error
    finally:
        connection.close()
    if response.status >= 500 or response.status == 429:  # noqa: PLR2004
        raise NoAnswerError(f"HTTP {response.status}")
    if response.status != 200:  # noqa: PLR2004
        raise WrongAnswerError(f"HTTP {response.status}")
    try:
        return str(json.loads(payload)["choices"][0]["text"])
    except (ValueError, LookupError, TypeError) as error:
        raise WrongAnswerError(f"no text in the answer: {payload[:80]!r}") from error


def compare(settings: Settings, key: str, prompts: Sequence[Prompt]) -> None:
    """Ask `prompts`; an answer is wrong when it is wrong twice, since a batch's company can turn a close call.

    Raises:
        NoAnswerError: There is no answer to judge.
        WrongAnswerError: An answer is not the golden one.
    """
    for prompt in prompts:
        answer = ask(settings, key, prompt)
        if answer != prompt.answer:
            answer = ask(settings, key, prompt)
        if answer != prompt.answer:
            raise WrongAnswerError(f"{prompt.prompt!a} gives {answer!a}, golden is {prompt.answer!a}")


def record(settings: Settings, key: str) -> dict[str, object]:
    """Golden answers of this host, whose weights are known to be right.

    Raises:
        WrongAnswerError: An answer is not stable, so it cannot be golden.
    """
    prompts = []
    for prompt in settings.prompts:
        answers = {ask(settings, key, prompt) for _ in range(3)}
        if len(answers) != 1 or not next(iter(answers)):
            raise WrongAnswerError(
                f"{prompt.prompt!a} has no one answer: {sorted(answers)}; take it out of llm_server_golden_prompts"
            )
        prompts.append(asdict(Prompt(prompt=prompt.prompt, max_tokens=prompt.max_tokens, answer=answers.pop())))
    return {"version": GOLDEN_VERSION, **subject(settings), "prompts": prompts}


def ask_for_a_token() -> None:
    """Whichever it is."""
    ask(load_settings(), load_key(), Prompt(prompt="1 2 3", max_tokens=1))
