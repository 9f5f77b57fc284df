"""Each replica, asked on its own host past the load balancer, gives the golden answers."""

import json

from testinfra.host import Host

from drill_runner.model.inventory import Endpoint
from drill_runner.observe.config import Prompt

testinfra_hosts = ["ansible://llm_servers"]

URL = "http://127.0.0.1:8080/v1/completions"
TIMEOUT_S = 10
# curl reads the header from its input and the shell prints it itself, so the key stands on no command line.
# One line for each body that follows, also when there was no answer.
ASK = (
    """key=$(sed 's/.*/header = "Authorization: Bearer &"/' /etc/llm-server/api_key); for body in {bodies}; do """
    """printf '%%s' "$key" | curl --config - --silent --show-error --max-time %s --write-out '\\n' """
    """--header 'Content-Type: application/json' --data "$body" %s; done"""
)


def test_golden_answers(host: Host, drill_endpoint: Endpoint, drill_golden: tuple[Prompt, ...]) -> None:
    answers = _ask(host, drill_endpoint.model, drill_golden)
    assert answers == {golden.prompt: golden.answer for golden in drill_golden}


def _ask(host: Host, model: str, prompts: tuple[Prompt, ...]) -> dict[str, str]:
    """The answer to each prompt, or why there is none: in one command, for each way there and back takes its time."""
    bodies = [
        json.dumps({"model": model, "prompt": golden.prompt, "max_tokens": golden.max_tokens, "temperature": 0})
        for golden in prompts
    ]
    asked = host.run(ASK.format(bodies=" ".join("%s" for _ in bodies)), *bodies, str(TIMEOUT_S), URL)
    lines = asked.stdout.split("\n")[:-1]
    if len(lines) != len(prompts):
        raise RuntimeError(f"{len(lines)} answers to {len(prompts)} prompts: {asked.stderr.strip()[-500:]}")
    return {golden.prompt: _answer(line, asked.stderr) for golden, line in zip(prompts, lines, strict=True)}


def _answer(line: str, stderr: str) -> str:
    try:
        return str(json.loads(line)["choices"][0]["text"])
    except (ValueError, LookupError, TypeError):
        return f"no answer: {stderr.strip() or line[:200]}"
