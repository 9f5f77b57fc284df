"""Packets are held back as long as was asked, in order, and let go at the end; the proof knows a late answer."""

import importlib.util
import math
import socket
import struct
import sys
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import pytest

FILES = Path(__file__).resolve().parents[2] / "roles/fault_network_latency/files"


def program(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"fault_network_latency_{name}", FILES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look there
    spec.loader.exec_module(module)
    return module


DELAY = program("delay")
HANDSHAKE = program("handshake")


@dataclass
class Packet:
    number: int
    passed: list[int]
    kept: bool = False

    def retain(self) -> None:
        self.kept = True

    def accept(self) -> None:
        assert self.kept
        self.passed.append(self.number)


@pytest.fixture(autouse=True)
def clock(monkeypatch):
    now = [1000.0]
    monkeypatch.setattr(DELAY.time, "monotonic", lambda: now[0])
    return now


@pytest.mark.parametrize("luck", [-1.0, 1.0])
def test_a_packet_waits_for_the_delay_give_or_take_the_jitter(monkeypatch, luck):
    monkeypatch.setattr(DELAY.random, "uniform", lambda low, high: low if luck < 0 else high)
    delay = DELAY.Delay(0.5, 0.125)
    passed: list[int] = []
    delay.take(Packet(1, passed))
    due = 1000.5 + luck * 0.125
    delay.release(due - 0.001)
    assert passed == []
    delay.release(due)
    assert passed == [1]


def test_packets_keep_their_order_whatever_the_jitter(clock):
    delay = DELAY.Delay(0.5, 0.4)
    passed: list[int] = []
    for number in range(100):
        clock[0] += 0.001
        delay.take(Packet(number, passed))
    for step in range(1200):
        delay.release(1000.0 + step / 1000)
    assert passed == list(range(100))


def test_it_looks_up_when_the_next_packet_is_due(clock):
    delay = DELAY.Delay(0.1, 0.0)
    assert delay.idle_s(clock[0]) == DELAY.LOOK_UP_S
    delay.take(Packet(1, []))
    assert delay.idle_s(1000.04) == pytest.approx(0.06)
    assert delay.idle_s(1000.2) == 0.0


def test_at_the_end_all_pass():
    delay = DELAY.Delay(10.0, 5.0)
    passed: list[int] = []
    for number in range(10):
        delay.take(Packet(number, passed))
    delay.release(math.inf)
    assert passed == list(range(10))


CLIENT, SERVER = ("10.0.0.1", 40000), ("10.0.0.2", 8080)
SYN, SYN_ACK, ACK = 0x02, 0x12, 0x10


def ip(source: tuple[str, int], target: tuple[str, int], flags: int, protocol: int = socket.IPPROTO_TCP) -> bytes:
    tcp = struct.pack("!HHIIBBHHH", source[1], target[1], 0, 0, 0x50, flags, 100, 0, 0)
    if ":" in source[0]:
        ends = socket.inet_pton(socket.AF_INET6, source[0]) + socket.inet_pton(socket.AF_INET6, target[0])
        return struct.pack("!IHBB", 6 << 28, len(tcp), protocol, 64) + ends + tcp
    ends = socket.inet_aton(source[0]) + socket.inet_aton(target[0])
    options = b"\x01" * 4  # headers may be longer than they have to be
    return struct.pack("!BBHIBBH", 0x46, 0, 24 + len(tcp), 0, 64, protocol, 0) + ends + options + tcp


def seen(packet: bytes) -> object:
    return HANDSHAKE.segment(HANDSHAKE.IPV6 if packet[0] >> 4 == 6 else HANDSHAKE.IPV4, packet)


@pytest.mark.parametrize(("client", "server"), [(CLIENT, SERVER), (("fd00::1", 40000), ("fd00::2", 8080))])
def test_an_answer_is_timed_from_the_first_attempt(client, server):
    shakes = HANDSHAKE.Handshakes(8080)
    assert shakes.answered_after_s(seen(ip(client, server, SYN)), leaves=False, at=10.0) is None
    assert shakes.answered_after_s(seen(ip(client, server, SYN)), leaves=False, at=11.0) is None
    assert shakes.answered_after_s(seen(ip(server, client, SYN_ACK)), leaves=True, at=11.25) == 1.25


@pytest.mark.parametrize(
    ("packet", "leaves"),
    [
        (ip(SERVER, ("10.0.0.1", 40001), SYN_ACK), True),  # to somebody else
        (ip(SERVER, CLIENT, ACK), True),
        (ip(SERVER, CLIENT, SYN_ACK), False),  # one that comes: from a container behind this host
    ],
)
def test_nothing_else_is_an_answer(packet, leaves):
    shakes = HANDSHAKE.Handshakes(8080)
    shakes.answered_after_s(seen(ip(CLIENT, SERVER, SYN)), leaves=False, at=10.0)
    assert shakes.answered_after_s(seen(packet), leaves=leaves, at=11.0) is None


@pytest.mark.parametrize(("target", "leaves"), [(("10.0.0.2", 22), False), (SERVER, True)])
def test_only_connections_to_the_service_count(target, leaves):
    shakes = HANDSHAKE.Handshakes(8080)
    shakes.answered_after_s(seen(ip(CLIENT, target, SYN)), leaves=leaves, at=10.0)
    assert shakes.answered_after_s(seen(ip(target, CLIENT, SYN_ACK)), leaves=True, at=11.0) is None


@pytest.mark.parametrize("packet", [b"", ip(CLIENT, SERVER, SYN)[:30], ip(CLIENT, SERVER, SYN, socket.IPPROTO_UDP)])
def test_what_is_no_whole_tcp_segment_is_passed_over(packet):
    assert HANDSHAKE.segment(HANDSHAKE.IPV4, packet) is None
