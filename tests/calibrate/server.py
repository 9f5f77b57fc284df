"""A small server that speaks the API and breaks on command. It serves no model: its one answer is written here."""

import asyncio
import contextlib
import json
import socket
import struct
import time
from collections.abc import AsyncIterator
from enum import StrEnum

ANSWER = " Paris"
LATENCY_S = 0.001
"""How long a request takes when all is well. It is part of the bounds' width: see docs/measuring.md."""
TOKEN_S = 0.005
"""Between two tokens of a longer answer."""
SLOW_S = 0.4
"""How long it takes when the trouble is `slow`: more than the calibration's service level, less than its timeout."""
STATS = "# pxname,svname,status\nllm,FRONTEND,OPEN\nllm,gpu1,UP\nllm,gpu2,UP\nllm,BACKEND,UP\n"
_RESET = struct.pack("ii", 1, 0)


class Trouble(StrEnum):
    """One way to be broken."""

    REFUSE = "refuse"
    """Nobody listens. Requests that are open are still served."""
    RESET = "reset"
    """Every connection is reset, open ones too."""
    DROP = "drop"
    """Every connection is closed without an answer, open ones too."""
    LOST = "hang, requests lost"
    """Requests are taken and never answered, not even afterwards."""
    HELD = "hang, then answered"
    """Requests are taken and all answered when it is over, as by a frozen process."""
    SLOW = "slow answers"
    WRONG = "wrong answers"
    TRUNCATED = "truncated"
    """The stream ends before its end."""
    HTTP_503 = "HTTP 503"


class ScriptedServer:
    """Context manager on a loopback port. `begin` and `end` return the true instant, on CLOCK_MONOTONIC."""

    def __init__(self) -> None:
        self._trouble: Trouble | None = None
        self._over = asyncio.Event()
        self._open: set[asyncio.StreamWriter] = set()
        self._listener: asyncio.Server | None = None
        self.port = 0
        self.requests: dict[int, bytes] = {}
        """Head and body of the last request, by the number of tokens that it asked for."""

    async def __aenter__(self) -> "ScriptedServer":
        await self._listen()
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._listener is not None:
            self._listener.close()
        for writer in tuple(self._open):
            writer.transport.abort()

    async def begin(self, trouble: Trouble) -> float:
        """Break."""
        self._trouble = trouble
        self._over.clear()
        if trouble is Trouble.REFUSE and self._listener is not None:
            self._listener.close()
            self._listener = None
        if trouble in (Trouble.RESET, Trouble.DROP):
            for writer in tuple(self._open):
                _cut(writer, reset=trouble is Trouble.RESET)
        return time.monotonic()

    async def end(self) -> float:
        """Be well again."""
        self._trouble = None
        self._over.set()
        return time.monotonic() if self._listener else await self._listen()

    async def _listen(self) -> float:
        listening = socket.create_server(("127.0.0.1", self.port), backlog=256)
        instant = time.monotonic()
        self.port = listening.getsockname()[1]
        self._listener = await asyncio.start_server(self._serve, sock=listening)
        return instant

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            head = await reader.readuntil(b"\r\n\r\n")
            if head.startswith(b"GET"):
                writer.write(_response(200, "text/csv", STATS.encode()))
            else:
                body = await reader.readexactly(_length(head))
                asked = json.loads(body)
                tokens = asked["max_tokens"]
                self.requests[tokens] = head + body
                await asyncio.sleep(LATENCY_S)
                async for part in self._answer(reader, writer, tokens, whole=not asked["stream"]):
                    if writer.transport.is_closing():  # cut meanwhile, by either side
                        break
                    writer.write(part)
            await writer.drain()
        self._open.discard(writer)
        writer.close()

    async def _answer(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, tokens: int, *, whole: bool
    ) -> AsyncIterator[bytes]:
        trouble = self._trouble
        if trouble in (Trouble.RESET, Trouble.DROP):
            _cut(writer, reset=trouble is Trouble.RESET)
        elif trouble is Trouble.LOST:
            await reader.read()  # until the client gives up
        elif trouble is Trouble.HTTP_503:
            yield _response(503, "text/plain", b"no server is available")
        elif trouble is Trouble.TRUNCATED:
            yield _whole(ANSWER)[:-2] if whole else _HEAD + _chunk(_event(ANSWER))
        else:
            if trouble is Trouble.HELD:
                await self._over.wait()
            if trouble is Trouble.SLOW:
                await asyncio.sleep(SLOW_S)
            text = " Rome" if trouble is Trouble.WRONG else ANSWER
            if whole:
                yield _whole(text)
                return
            async for part in self._stream(reader, text, tokens):
                yield part

    async def _stream(self, reader: asyncio.StreamReader, text: str, tokens: int) -> AsyncIterator[bytes]:
        yield _HEAD + _chunk(_event(text))
        for number in range(1, tokens):
            await asyncio.sleep(TOKEN_S)
            if self._trouble is Trouble.LOST:
                await reader.read()
                return
            if self._trouble is Trouble.HELD:
                await self._over.wait()
            yield _chunk(_event(f" {number}"))
        yield _chunk(b"data: [DONE]\n\n") + b"0\r\n\r\n"


_HEAD = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nx-served-by: scripted\r\nx-retries: 0\r\n"
    b"Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
)


def _response(status: int, kind: str, body: bytes, more: str = "") -> bytes:
    head = (
        f"HTTP/1.1 {status} x\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n{more}Connection: close\r\n\r\n"
    )
    return head.encode() + body


def _whole(text: str) -> bytes:
    body = json.dumps({"choices": [{"text": text}]}).encode()
    return _response(200, "application/json", body, "x-served-by: scripted\r\nx-retries: 0\r\n")


def _chunk(data: bytes) -> bytes:
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


def _event(text: str) -> bytes:
    return b"data: " + json.dumps({"choices": [{"index": 0, "text": text}]}).encode() + b"\n\n"


def _length(head: bytes) -> int:
    fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:] if b": " in line)
    return int(fields.get(b"content-length", b"0"))


def _cut(writer: asyncio.StreamWriter, *, reset: bool) -> None:
    connection = writer.get_extra_info("socket")
    if reset and connection is not None and connection.fileno() >= 0:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    writer.transport.abort()
