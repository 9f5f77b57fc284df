"""Exits with 0 when an answer to a new connection left late enough: handshake.py DEVICE PORT LEAST_MS.

Packets are seen where they leave the kernel: whatever holds them back on the way counts, and nothing is believed.
"""

from __future__ import annotations

import select
import socket
import struct
import sys
import time
from dataclasses import dataclass

PATIENCE_S = 3.0
"""Somebody should connect in this time: a load balancer's check does."""
SO_TIMESTAMPNS = 35
TIMESTAMP = struct.Struct("=qq")
IPV4, IPV6, ALL = 0x0800, 0x86DD, 0x0003
SYN, ACK = 0x02, 0x10


@dataclass(frozen=True)
class Segment:
    """What is needed of a TCP segment."""

    source: tuple[bytes, int]
    target: tuple[bytes, int]
    flags: int


def segment(protocol: int, packet: bytes) -> Segment | None:
    """Read an IP packet; None when it is not TCP, or comes after an extension of IPv6."""
    tcp = bytes([socket.IPPROTO_TCP])
    if protocol == IPV4 and packet[9:10] == tcp:
        start, addresses = (packet[0] & 0x0F) * 4, packet[12:20]
    elif protocol == IPV6 and packet[6:7] == tcp:
        start, addresses = 40, packet[8:40]
    else:
        return None
    if len(packet) < start + 14:
        return None
    half = len(addresses) // 2
    source, target = struct.unpack_from("!HH", packet, start)
    return Segment((addresses[:half], source), (addresses[half:], target), packet[start + 13] & (SYN | ACK))


class Handshakes:
    """Connections that others make to a port."""

    def __init__(self, port: int) -> None:
        """Args: port: of the service."""
        self._port = port
        self._asked: dict[tuple[tuple[bytes, int], tuple[bytes, int]], float] = {}

    def answered_after_s(self, seen: Segment, *, leaves: bool, at: float) -> float | None:
        """How long a connection waited for the answer that was seen just now; None when it was none.

        Args:
            seen: One segment, in the order in which they pass.
            leaves: Whether it leaves this host.
            at: When, in seconds.
        """
        if not leaves and seen.flags == SYN and seen.target[1] == self._port:
            self._asked.setdefault((seen.source, seen.target), at)  # one that was sent again has waited all the longer
        elif leaves and seen.flags == SYN | ACK:
            asked = self._asked.pop((seen.target, seen.source), None)
            return None if asked is None else at - asked
        return None


def first_answer_s(device: str, port: int, patience_s: float) -> float | None:
    """How long the first connection that comes waits for its answer; None when none came."""
    deadline = time.monotonic() + patience_s
    handshakes = Handshakes(port)
    with socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ALL)) as tap:
        tap.bind((device, ALL))
        tap.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        while select.select([tap], [], [], max(0.0, deadline - time.monotonic()))[0]:
            packet, extra, _, sender = tap.recvmsg(128, 64)
            read = segment(sender[1], packet)
            if read is None or not extra:
                continue
            seconds, nanoseconds = TIMESTAMP.unpack(extra[0][2])
            leaves = sender[2] == socket.PACKET_OUTGOING
            waited = handshakes.answered_after_s(read, leaves=leaves, at=seconds + nanoseconds / 1e9)
            if waited is not None:
                return waited
    return None


def main() -> None:
    """Args on the command line: interface, TCP port, and milliseconds."""
    device, port, least_ms = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
    waited = first_answer_s(device, port, PATIENCE_S + least_ms / 1000)
    if waited is None:
        sys.exit(f"nobody connected to port {port} by {device}")
    said = f"a connection to port {port} was answered after {1000 * waited:.1f} ms"
    if 1000 * waited < least_ms:
        sys.exit(said)
    sys.stdout.write(said + "\n")


if __name__ == "__main__":
    main()
