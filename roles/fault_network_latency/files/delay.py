"""Holds back every packet of a netfilter queue for a while, then lets it pass: delay.py QUEUE DELAY_MS JITTER_MS.

Told to stop, it lets go of all that it has. Killed, it cannot: the kernel drops what was held, and TCP sends it again.
"""

from __future__ import annotations

import math
import random
import select
import signal
import sys
import time
from collections import deque
from typing import Protocol

LONGEST_QUEUE = 65536
"""Packets. The kernel drops what comes when it is full, so it is never to be full."""
SOCKET_BYTES = 8 << 20
LOOK_UP_S = 0.2


class Packet(Protocol):
    """What is used of the library's packets."""

    def retain(self) -> None:
        """Keep it beyond the callback."""

    def accept(self) -> None:
        """Let it pass."""


class Delay:
    """Packets leave in the order in which they came, as they do on one path: a late one holds up those after it."""

    def __init__(self, delay_s: float, jitter_s: float) -> None:
        """Args: delay_s and jitter_s: each packet waits for `delay_s`, give or take up to `jitter_s`."""
        self._delay_s, self._jitter_s = delay_s, jitter_s
        self._held: deque[tuple[float, Packet]] = deque()

    def take(self, packet: Packet) -> None:
        """Hold it back."""
        packet.retain()
        due = time.monotonic() + self._delay_s + random.uniform(-self._jitter_s, self._jitter_s)  # noqa: S311
        self._held.append((due, packet))

    def release(self, now: float) -> None:
        """Let those pass that have waited long enough."""
        while self._held and self._held[0][0] <= now:
            self._held.popleft()[1].accept()

    def idle_s(self, now: float) -> float:
        """How long nothing has to be done, `LOOK_UP_S` at most."""
        return min(LOOK_UP_S, max(0.0, self._held[0][0] - now)) if self._held else LOOK_UP_S


def main() -> None:
    """Args on the command line: number of the queue, delay and jitter in milliseconds."""
    from netfilterqueue import NetfilterQueue  # noqa: PLC0415

    number, delay_ms, jitter_ms = sys.argv[1:]
    delay = Delay(float(delay_ms) / 1000, float(jitter_ms) / 1000)
    told: list[int] = []
    signal.signal(signal.SIGTERM, lambda received, _: told.append(received))
    queue = NetfilterQueue()
    queue.bind(int(number), delay.take, max_len=LONGEST_QUEUE, sock_len=SOCKET_BYTES)
    while not told:
        select.select([queue.get_fd()], [], [], delay.idle_s(time.monotonic()))
        queue.run(block=False)
        delay.release(time.monotonic())
    queue.run(block=False)
    delay.release(math.inf)
    queue.unbind()


if __name__ == "__main__":
    main()
