"""An answer that comes whole, as JSON: what a load balancer can still send again when a replica dies over it."""

import json

from drill_runner.observe.stream import NotACompletionError

MAX_BYTES = 1 << 20
"""A completion of a few tokens is never longer."""


class WholeAnswer:
    """Grows with every piece of the body; `end` says that there are no more of them."""

    def __init__(self) -> None:
        """Nothing has come yet."""
        self.text = ""
        self.first_token: float | None = None
        self.done = False
        self.arrivals: list[float] = []
        self._body = b""

    def feed(self, piece: bytes, at: float) -> None:
        """Take the bytes that arrived at the instant `at`. The first of them bring the token: it is all there is."""
        self.first_token = at if self.first_token is None else self.first_token
        self._body += piece
        if len(self._body) > MAX_BYTES:
            raise NotACompletionError(f"an answer of more than {MAX_BYTES} bytes")

    def end(self) -> None:
        """Read the body, which is all there."""
        if not self._body:
            return
        try:
            self.text = "".join(choice["text"] for choice in json.loads(self._body)["choices"])
        except (json.JSONDecodeError, UnicodeDecodeError, TypeError, KeyError) as error:
            raise NotACompletionError(f"not a completion ({type(error).__name__})") from error
        self.done = True
