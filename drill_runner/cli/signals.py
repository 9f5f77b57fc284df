"""Ctrl-C and its relatives: asked, not raised, so that nothing is left half done."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import click

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Asked:
    """Why to stop, once somebody asked for it."""

    def __init__(self, winding_down: str) -> None:
        """Nobody asked yet.

        Args:
            winding_down: What is said to a person who asks; the program goes on with it until it is done.
        """
        self.why: str | None = None
        self._winding_down = winding_down

    def __call__(self) -> str | None:
        """Why to stop, or None."""
        return self.why

    def handle(self, number: int, _frame: FrameType | None) -> None:
        """The signal handler."""
        self.why = self.why or f"interrupted by {signal.Signals(number).name}"
        click.echo(f"\n{self._winding_down}", err=True)


@contextmanager
def asked_to_stop(winding_down: str) -> Iterator[Asked]:
    """Inside, SIGINT, SIGTERM and SIGHUP set `why` instead of ending the program."""
    asked = Asked(winding_down)
    before = {number: signal.signal(number, asked.handle) for number in SIGNALS}
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
