"""Each replica, asked on its own host past the load balancer, gives the golden answers."""

import json

from testinfra.host import Host

from drill_runner.model.inventory import Endpoint
from drill_runner.observe.config import Prompt

testinfra_hosts = ["ansible://llm_servers"]

URL = "http://127.0.0.1:8080/v1/completions"
TIMEOUT_S = 10
# curl reads the header from its input, so the key stands on no command line; sed is given the file's name only.
ASK = (
    """sed 's/.*/header = "Authorization: Bearer &"/' /etc/llm-server/api_key"""
    " | curl --config - --silent --show-error --max-time %s --header 'Content-Type: application/json' --data %s %s"
)


def test_golden_answers(host: Host, drill_endpoint: Endpoint, drill_golden: tuple[Prompt, ...]) -> None:
    wrong = {}
    for golden in drill_golden:
        answer = _ask(host, drill_endpoint.model, golden)
        if answer != golden.answer:
            wrong[golden.prompt] = f"{answer!r}, golden is {golden.answer!r}"
    assert not wrong


def _ask(host: Host, model: str, golden: Prompt) -> str:
    body = {"model": model, "prompt": golden.prompt, "max_tokens": golden.max_tokens, "temperature": 0}
    asked = host.run(ASK, str(TIMEOUT_S), json.dumps(body), URL)
    try:
        return str(json.loads(asked.stdout)["choices"][0]["text"])
    except (ValueError, LookupError, TypeError):
        return f"no answer: {asked.stderr.strip() or asked.stdout[:200]}"
