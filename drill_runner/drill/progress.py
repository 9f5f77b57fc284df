"""What a drill tells the person who watches it."""

from collections.abc import Sequence
from typing import Protocol

from drill_runner.model.plan import Phase
from drill_runner.model.record import CheckFinished
from drill_runner.model.sample import Sample


class Progress(Protocol):
    """Told what happens as it happens. Must not block, and must not raise."""

    def phase(self, phase: Phase, does: str) -> None:
        """A stage begins."""

    def doing(self, what: str) -> None:
        """What is being done, or waited for, right now."""

    def note(self, what: str) -> None:
        """Something worth keeping on the screen: an effect, a detection, a problem."""

    def seen(self, samples: Sequence[Sample]) -> None:
        """New samples."""

    def checked(self, check: CheckFinished) -> None:
        """A check ended."""


class Quiet:
    """Tells nobody."""

    def phase(self, phase: Phase, does: str) -> None:
        """Nothing."""

    def doing(self, what: str) -> None:
        """Nothing."""

    def note(self, what: str) -> None:
        """Nothing."""

    def seen(self, samples: Sequence[Sample]) -> None:
        """Nothing."""

    def checked(self, check: CheckFinished) -> None:
        """Nothing."""
