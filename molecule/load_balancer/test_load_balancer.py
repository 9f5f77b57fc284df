"""Dead, hung, erring and wrong replicas cost no request; drained ones stay drained. Against the real HAProxy."""

import contextlib
import csv
import itertools
import json
import os
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection, HTTPException
from pathlib import Path

import pytest
import testinfra

from tests.waiting import PATIENCE_S, wait_until

testinfra_hosts = ["ansible://lb1"]

PROJECT = Path(__file__).parents[2]
INVENTORY = PROJECT / "inventories/molecule"
RATE_HZ = 20
ORDERS = "/run/simulated-engine"


@pytest.fixture(scope="module")
def gpu2():
    return testinfra.get_host("ansible://gpu2?force_ansible=True", ansible_inventory=str(INVENTORY))


@pytest.fixture
def address(host):
    return host.ansible.get_variables()["ansible_host"]


@pytest.fixture(autouse=True)
def healed(address, gpu2):
    """Start every test with the whole pool, and undo what it did."""
    yield
    run(gpu2, f"rm -f {ORDERS}/status {ORDERS}/verdict; systemctl kill -s CONT simulated-engine")
    wait_for(address, "UP")


def run(host, command):
    with host.sudo():
        done = host.run(command)
    assert done.rc == 0, done.stderr
    return done.stdout


def http(address, port, path, *, body=None, headers=None):
    """Open one request; the connection ends with the answer."""
    connection = HTTPConnection(address, port, timeout=PATIENCE_S)
    connection.request("POST" if body else "GET", path, body, headers or {})
    return connection.getresponse()


def statistics(address):
    rows = csv.DictReader(http(address, 8404, "/stats;csv").read().decode().lstrip("# ").splitlines())
    return {row["svname"]: row for row in rows if row["pxname"] == "llm_servers"}


def wait_for(address, status, server="gpu2"):
    def found() -> str:
        return statistics(address)[server]["status"]

    wait_until(lambda: found() == status, otherwise=lambda: f"{server} is {found()}, not {status}")


def ask(address, path="/v1/completions", prompt="p"):
    """Return status and serving host of one request."""
    body = json.dumps({"prompt": prompt, "max_tokens": 1})
    try:
        answer = http(address, 8000, path, body=body)
        answer.read()
    except (OSError, HTTPException) as error:
        return repr(error), None
    return answer.status, answer.headers["X-Served-By"]


@contextlib.contextmanager
def load(address):
    """Ask at a fixed rate, whatever comes back; gives the list of answers, complete at the end."""
    answers, over = [], threading.Event()

    def send() -> None:
        start = time.monotonic()
        with ThreadPoolExecutor(200) as pool:
            number = 0
            while not over.is_set():
                pool.submit(lambda: answers.append(ask(address)))
                number += 1
                time.sleep(max(0.0, start + number / RATE_HZ - time.monotonic()))

    sender = threading.Thread(target=send)
    sender.start()
    try:
        yield answers
    finally:
        over.set()
        sender.join()


def served_after(answers, count):
    """Wait until so many more requests were answered."""
    goal = len(answers) + count
    wait_until(lambda: len(answers) >= goal)


@pytest.mark.parametrize(
    ("hurt", "status"),
    [
        ("systemctl kill -s KILL simulated-engine", None),
        ("systemctl kill -s STOP simulated-engine", "DOWN"),
        (f"echo 503 > {ORDERS}/status", "DOWN"),
        (f"echo 'down #digest' > {ORDERS}/verdict", "DOWN (agent)"),
    ],
    ids=["killed", "hung", "erring", "wrong"],
)
def test_a_hurt_replica_costs_no_request(address, gpu2, hurt, status):
    with load(address) as answers:
        served_after(answers, 20)
        run(gpu2, hurt)
        if status:
            wait_for(address, status)
        served_after(answers, 40)
    failed = [answer for answer in answers if answer[0] != 200]
    assert not failed, f"{len(failed)} of {len(answers)} failed, first {failed[0]}"
    assert {answer[1] for answer in answers} == {"gpu1", "gpu2"}, "both must have served before"


def test_a_route_that_is_not_listed_is_not_sent_again(address, gpu2):
    gpu1 = testinfra.get_host("ansible://gpu1?force_ansible=True", ansible_inventory=str(INVENTORY))
    for engine in (gpu1, gpu2):
        run(engine, f"echo 503 > {ORDERS}/status; : > {ORDERS}/requests")
    try:
        status, _ = ask(address, path="/v1/audio/speech", prompt="once")
        assert status == 503
        seen = "".join(run(engine, f"cat {ORDERS}/requests") for engine in (gpu1, gpu2))
        assert seen.count('"once"') <= 1
    finally:
        run(gpu1, f"rm {ORDERS}/status")
        wait_for(address, "UP", "gpu1")


def test_tokens_are_passed_on_one_by_one(address):
    body = json.dumps({"prompt": "p", "max_tokens": 5, "stream": True})
    lines = iter(http(address, 8000, "/v1/completions", body=body).readline, b"")
    arrived = [time.monotonic() for line in lines if line.startswith(b"data:")]
    gaps = [later - earlier for earlier, later in itertools.pairwise(arrived)]
    assert len(arrived) == 5
    assert sum(gaps) > 0.2, f"the engine needs 0.1 s for each token; here they came together: {gaps}"


def operate(playbook: str, *more: str) -> bool:
    """Run a playbook as an operator does; return whether it changed anything."""
    done = subprocess.run(
        ["ansible-playbook", "-i", str(INVENTORY), str(PROJECT / "playbooks" / playbook), "--limit", "gpu2", *more],
        capture_output=True,
        text=True,
        check=False,
        cwd=PROJECT,
        env=os.environ | {"ANSIBLE_CONFIG": str(PROJECT / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1"},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return "changed=0" not in done.stdout


def test_a_drain_holds_against_agent_reload_and_crash(address, host, gpu2):
    run(gpu2, f"echo 'up ready' > {ORDERS}/verdict")
    assert operate("drain.yml", "--check") is True
    assert statistics(address)["gpu2"]["status"] == "UP"
    assert operate("drain.yml") is True
    assert operate("drain.yml") is False
    with load(address) as answers:
        served_after(answers, 40)
    assert set(answers) == {(200, "gpu1")}
    assert statistics(address)["gpu2"]["status"] == "DRAIN"

    run(host, "systemctl reload haproxy")
    assert statistics(address)["gpu2"]["status"] == "DRAIN"
    run(host, "systemctl kill -s KILL haproxy")
    wait_until(lambda: ask(address)[0] == 200)
    assert statistics(address)["gpu2"]["status"] == "DRAIN"

    assert operate("undrain.yml") is True
    assert statistics(address)["gpu2"]["status"] == "UP"
    assert operate("undrain.yml") is False


def test_undrain_fails_when_the_answers_are_wrong(address, gpu2):
    operate("drain.yml")
    run(gpu2, f"echo 'down #digest' > {ORDERS}/verdict")
    with pytest.raises(AssertionError, match=r"still DOWN \(agent\).*digest"):
        operate("undrain.yml", "-e", "load_balancer_undrain_timeout_s=3")
    assert statistics(address)["gpu2"]["status"] == "DOWN (agent)"


def test_every_request_is_in_the_ledger_and_no_secret(address, host):
    headers = {"X-Request-ID": "molecule-7", "Authorization": "Bearer molecule-secret"}
    answer = http(address, 8000, "/v1/completions", body='{"prompt": "p", "max_tokens": 1}', headers=headers)
    answer.read()
    request_id = answer.headers["X-Request-ID"]
    run(host, "journalctl --sync")
    lines = run(host, "journalctl -t haproxy -o cat --since -2min").splitlines()
    entries = [json.loads(line) for line in lines if line.startswith("{")]
    entry = next(entry for entry in entries if entry["id"] == request_id)
    assert entry["client_request_id"] == "molecule-7"
    assert (entry["status"], entry["retries"], entry["termination"]) == (200, 0, "----")
    assert entry["server"] in {"gpu1", "gpu2"}
    assert "molecule-secret" not in "".join(lines)


def test_configuration_is_readable_to_haproxy_only(host):
    with host.sudo():
        file = host.file("/etc/haproxy/haproxy.cfg")
        assert (file.user, file.group, oct(file.mode)) == ("root", "haproxy", "0o640")
        assert host.run("runuser -u nobody -- cat /etc/haproxy/haproxy.cfg").rc != 0


def test_metrics_are_there_and_strangers_are_kept_out(address, host):
    metrics = http(address, 8404, "/metrics").read()
    assert b'haproxy_server_status{proxy="llm_servers",server="gpu1",state="UP"} 1' in metrics
    assert host.run("curl -s -o /dev/null -w '%{http_code}' http://127.0.0.1:8404/metrics").stdout == "200"
    assert (
        run(host, "grep -c 'deny_status 403 unless { src 10.231.78.0/24 127.0.0.0/8 }' /etc/haproxy/haproxy.cfg")
        == "1\n"
    )


def test_a_new_port_is_not_undone_by_the_state_that_was_kept(host):
    """HAProxy prefers the ports of its state file to those of its configuration."""
    with host.sudo():
        before = host.file("/etc/haproxy/haproxy.cfg").content_string
    try:
        run(host, "sed -i 's/:18080$/:18081/' /etc/haproxy/haproxy.cfg && systemctl reload haproxy")
        assert " 10.231.78.12 " in (state := run(host, "echo show servers state | socat - /run/haproxy/admin.sock"))
        assert {line.split()[18] for line in state.splitlines()[2:] if line} == {"18081"}
    finally:
        run(host, "sed -i 's/:18081$/:18080/' /etc/haproxy/haproxy.cfg && systemctl reload haproxy")
        with host.sudo():
            assert host.file("/etc/haproxy/haproxy.cfg").content_string == before


def test_a_reload_that_fails_says_so_and_changes_nothing(address, host):
    """That a port is taken is found when the new worker starts; nothing is wrong with the configuration's text."""
    file = "/etc/haproxy/haproxy.cfg"
    try:
        run(host, f"cp -p {file} {file}.kept && printf 'listen taken\n    bind :22\n' >> {file}")
        run(host, f"haproxy -c -q -f {file}")
        with host.sudo():
            assert host.run("systemctl reload haproxy").rc != 0
        assert ask(address)[0] == 200
    finally:
        run(host, f"mv -f {file}.kept {file} && systemctl reload haproxy")


def test_every_accepted_request_is_in_the_ledger_once(address, host):
    wanted = []
    for _ in range(20):
        answer = http(address, 8000, "/v1/completions", body=json.dumps({"prompt": "p", "max_tokens": 1}))
        answer.read()
        wanted.append(answer.headers["X-Request-ID"])
    assert len(set(wanted)) == 20

    def ids() -> list[str]:
        run(host, "systemctl start request-ledger.service")
        return [json.loads(line)["id"] for line in run(host, "cat /var/lib/request-ledger/requests.jsonl").splitlines()]

    # The journal may be a moment behind.
    wait_until(
        lambda: set(wanted) <= set(ids()), otherwise=lambda: f"{len(set(wanted) - set(ids()))} of 20 are missing"
    )
    found = ids()
    assert [found.count(one) for one in wanted] == [1] * 20
    run(host, " && ".join(["systemctl start request-ledger.service"] * 10))  # as often as anybody likes
    with host.sudo():
        assert host.run("runuser -u nobody -- cat /var/lib/request-ledger/requests.jsonl").rc != 0
