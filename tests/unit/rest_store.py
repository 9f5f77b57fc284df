"""A simulated restic REST server: as much of its protocol as the fast tier speaks, over plain HTTP, append-only."""

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class SimulatedStore(ThreadingHTTPServer):
    """Holds blobs in memory, by path."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.made: set[str] = set()
        self.blobs: dict[str, bytes] = {}
        self.asked: list[str] = []
        self.full = False

    @property
    def repository(self) -> str:
        return f"rest:http://127.0.0.1:{self.server_port}/gpu1/"

    def names(self) -> list[str]:
        return sorted(path.rpartition("/")[2] for path in self.blobs)

    def flip(self, name: str, bit: int) -> None:
        """Flip one bit of a blob, counted over all of it."""
        path = next(path for path in self.blobs if path.endswith(name))
        content = bytearray(self.blobs[path])
        content[bit // 8 % len(content)] ^= 1 << bit % 8
        self.blobs[path] = bytes(content)


class Handler(BaseHTTPRequestHandler):
    server: SimulatedStore
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else a body waits 40 ms for its head's acknowledgement, as of no real store

    def do_GET(self) -> None:
        self.server.asked.append(f"GET {self.path}")
        folder = self.path.removesuffix("data/")
        if self.path.endswith("data/") and folder in self.server.made:
            held = {path: blob for path, blob in self.server.blobs.items() if path.startswith(self.path)}
            listed = [{"name": path.rpartition("/")[2], "size": len(blob)} for path, blob in held.items()]
            self.answer(200, json.dumps(listed or None).encode())
        elif blob := self.server.blobs.get(self.path):
            self.answer(200, blob)
        else:
            self.answer(404)

    def do_POST(self) -> None:
        self.server.asked.append(f"POST {self.path}")
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        path, _, query = self.path.partition("?")
        if query == "create=true":
            self.server.made.add(path)
            self.answer(200)
        elif self.server.full:
            self.answer(507)
        elif path in self.server.blobs:
            self.answer(403)
        elif hashlib.sha256(body).hexdigest() != path.rpartition("/")[2]:
            self.answer(400)
        else:
            self.server.blobs[path] = body
            self.answer(200)

    def answer(self, code: int, body: bytes = b"") -> None:
        self.send_response(code)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def simulated_store() -> Iterator[SimulatedStore]:
    with SimulatedStore() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
