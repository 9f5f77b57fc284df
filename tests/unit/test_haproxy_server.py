"""HAProxy's answers, read; and what is said to it in which state. The real HAProxy: molecule."""

import pytest

from plugins.modules.haproxy_server import NotFoundError, Server, commands, read_server, settled

STATE = """1
# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_iweight srv_agent_state
3 llm_servers 1 gpu1 10.231.77.11 2 8 50 100 18
3 llm_servers 2 gpu2 10.231.77.12 2 0 100 100 22
3 llm_servers 3 gpu3 10.231.77.13 2 0 100 100 0
"""
STAT = """# pxname,svname,scur,status,check_status,last_chk,agent_status,last_agt,
llm,FRONTEND,9,OPEN,,,,,
llm_servers,gpu1,2,DRAIN,L7OK,,,,
llm_servers,gpu2,0,DOWN (agent),L7OK,OK,L7STS,"via agent : down (digest, a.gguf)",
llm_servers,gpu3,0,UP,L7OK,,,,
"""
UP = Server(drained=False, weight=100, status="UP", sessions=0, why="", agent=True)
NAME = "llm_servers/gpu1"


def test_a_drained_server_is_read() -> None:
    assert read_server("llm_servers", "gpu1", STATE, STAT) == Server(
        drained=True, weight=50, status="DRAIN", sessions=2, why="check_status L7OK", agent=False
    )


def test_what_check_and_agent_said_is_read() -> None:
    server = read_server("llm_servers", "gpu2", STATE, STAT)
    assert (server.drained, server.agent) == (False, True)
    assert server.why == (
        "check_status L7OK; last_chk OK; agent_status L7STS; last_agt via agent : down (digest, a.gguf)"
    )


def test_a_server_without_agent_is_read() -> None:
    assert read_server("llm_servers", "gpu3", STATE, STAT).agent is None


@pytest.mark.parametrize(("backend", "server"), [("llm_servers", "gpu9"), ("other", "gpu1")])
def test_an_unknown_server_is_named(backend: str, server: str) -> None:
    with pytest.raises(NotFoundError, match=f"HAProxy has no server {backend}/{server}"):
        read_server(backend, server, STATE, STAT)


@pytest.mark.parametrize("state", ["", "Can't find backend.", "1\n"])
def test_an_unknown_backend_is_named(state: str) -> None:
    with pytest.raises(NotFoundError):
        read_server("llm_servers", "gpu1", state, STAT)


def test_the_agent_is_silenced_before_the_drain_that_it_could_end() -> None:
    assert commands(NAME, UP, "drain", None) == [f"disable agent {NAME}", f"set server {NAME} state drain"]


def test_a_server_is_let_in_only_after_its_agent_was_asked_anew() -> None:
    drained = Server(drained=True, weight=100, status="DRAIN", sessions=0, why="", agent=False)
    assert commands(NAME, drained, "ready", None) == [
        f"enable agent {NAME}",
        f"set server {NAME} agent down",
        f"set server {NAME} state ready",
    ]


@pytest.mark.parametrize("agent", [False, None])
def test_a_drained_server_is_left_alone(agent: bool | None) -> None:
    drained = Server(drained=True, weight=100, status="DRAIN", sessions=0, why="", agent=agent)
    assert commands(NAME, drained, "drain", 100) == []


def test_a_drain_whose_agent_came_back_is_made_whole() -> None:
    drained = Server(drained=True, weight=100, status="DRAIN", sessions=0, why="", agent=True)
    assert commands(NAME, drained, "drain", None) == [f"disable agent {NAME}"]


@pytest.mark.parametrize("status", ["UP", "DOWN", "DOWN (agent)"])
def test_a_server_in_the_pool_is_left_alone(status: str) -> None:
    server = Server(drained=False, weight=100, status=status, sessions=3, why="", agent=True)
    assert commands(NAME, server, "ready", None) == []


@pytest.mark.parametrize(
    ("weight", "said"), [(100, []), (0, [f"set weight {NAME} 0"]), (50, [f"set weight {NAME} 50"])]
)
def test_a_weight_is_set_when_it_differs(weight: int, said: list[str]) -> None:
    assert commands(NAME, UP, None, weight) == said


@pytest.mark.parametrize(
    ("state", "status", "sessions", "there"),
    [
        ("drain", "DRAIN", 0, True),
        ("drain", "DRAIN", 1, False),
        ("ready", "UP", 5, True),
        ("ready", "DOWN (agent)", 0, False),
        ("ready", "UP 1/2", 0, False),
        (None, "DOWN", 5, True),
    ],
)
def test_settled(state: str | None, status: str, sessions: int, there: bool) -> None:
    server = Server(drained=False, weight=1, status=status, sessions=sessions, why="", agent=None)
    assert settled(server, state) is there
