"""A streamed answer, read strictly: server-sent events that end with `data: [DONE]`."""

import json

MAX_PENDING_BYTES = 1 << 20
"""An event longer than this is not one of a completion."""


class NotACompletionError(ValueError):
    """The stream holds something that is not an event of a completion."""


class Answer:
    """Grows with every piece of the body; knows its text, when each token came and whether it is whole."""

    def __init__(self) -> None:
        """Nothing has come yet."""
        self.text = ""
        self.first_token: float | None = None
        self.done = False
        self.arrivals: list[float] = []
        """When each event with text came."""
        self._pending = b""

    def feed(self, piece: bytes, at: float) -> None:
        """Take the bytes that arrived at the instant `at`."""
        self._pending = (self._pending + piece).replace(b"\r\n", b"\n")
        *events, self._pending = self._pending.split(b"\n\n")
        if len(self._pending) > MAX_PENDING_BYTES:
            raise NotACompletionError(f"an event of more than {MAX_PENDING_BYTES} bytes")
        for event in events:
            self._take(event, at)

    def end(self) -> None:
        """The body is over; whether the answer is whole was in it."""

    def _take(self, event: bytes, at: float) -> None:
        payload = b"\n".join(_value(line) for line in event.split(b"\n") if line.startswith(b"data:"))
        if not payload or self.done:
            return
        if payload == b"[DONE]":
            self.done = True
            # An answer without text has no first token; its end is when the client knew.
            self.first_token = at if self.first_token is None else self.first_token
            return
        text = _text(payload)
        if text:
            self.arrivals.append(at)
            self.first_token = self.arrivals[0]
        self.text += text


def _value(line: bytes) -> bytes:
    return line[len(b"data:") :].removeprefix(b" ")


def _text(payload: bytes) -> str:
    try:
        event = json.loads(payload)
        if "error" in event:
            raise NotACompletionError("an error inside the stream")
        texts = [choice["text"] for choice in event["choices"]]
        return "".join(texts)
    except (json.JSONDecodeError, UnicodeDecodeError, TypeError, KeyError) as error:
        raise NotACompletionError(f"not an event of a completion ({type(error).__name__})") from error
