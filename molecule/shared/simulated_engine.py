#!/usr/bin/python3
"""A simulated engine: speaks enough of the completions API and of HAProxy's agent protocol to test a load balancer.

It takes orders from files in its folder: `verdict` is what the agent says, `status` the HTTP status of all answers.
Usage: simulated_engine.py FOLDER PORT AGENT_PORT
"""

from __future__ import annotations

import json
import socketserver
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

FOLDER = Path(sys.argv[1])
PORT, AGENT_PORT = int(sys.argv[2]), int(sys.argv[3])
TOKEN_PAUSE_S = 0.1


def order(name: str, default: str) -> str:
    """Read what the test wants, or the default."""
    path = FOLDER / name
    return path.read_text().strip() if path.exists() else default


class Engine(BaseHTTPRequestHandler):
    """Completions: one JSON object, or a stream of tokens."""

    protocol_version = "HTTP/1.1"
    # Head and body leave at once: killed in between, it would owe what no load balancer can ask again for.
    wbufsize = -1

    def do_POST(self) -> None:
        """Answer a completion."""
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with (FOLDER / "requests").open("a") as file:
            file.write(json.dumps({"path": self.path, "prompt": request["prompt"]}) + "\n")
        status = int(order("status", "200"))
        if status == 200 and request.get("stream"):
            self.stream(request["max_tokens"])
            return
        body = json.dumps({"choices": [{"text": "x" * request["max_tokens"]}]}).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def stream(self, tokens: int) -> None:
        """Send one token after the other."""
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for number in range(tokens):
            self.wfile.flush()
            time.sleep(TOKEN_PAUSE_S)
            event = f"data: {json.dumps({'choices': [{'text': str(number)}]})}\n\n".encode()
            self.wfile.write(f"{len(event):x}\r\n".encode() + event + b"\r\n")
        self.wfile.write(b"0\r\n\r\n")

    def log_message(self, *_: object) -> None:
        """Keep the journal quiet: there are checks every second."""


class Door(ThreadingHTTPServer):
    """Where requests come in."""

    # As a real engine's. With Python's 5, an engine that is slow for a moment is not connected to at all.
    request_queue_size = 2048


class Agent(socketserver.StreamRequestHandler):
    """HAProxy's agent protocol: one line, then closed."""

    def handle(self) -> None:
        """Say the verdict."""
        self.wfile.write(order("verdict", "up").encode() + b"\n")


class Server(socketserver.ThreadingTCPServer):
    """A TCP server that can be started again at once."""

    allow_reuse_address = True
    daemon_threads = True


def main() -> None:
    """Serve until killed."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    threading.Thread(target=Server(("", AGENT_PORT), Agent).serve_forever, daemon=True).start()
    Door(("", PORT), Engine).serve_forever()


if __name__ == "__main__":
    main()
