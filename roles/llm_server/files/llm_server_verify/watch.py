"""One check after the other, and the word that follows from them."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from llm_server_verify.answers import NoAnswerError, WrongAnswerError, compare
from llm_server_verify.settings import Prompt, Settings, load_golden, load_key, load_settings
from llm_server_verify.verdict import UP, read_verdict, write_verdict
from llm_server_verify.weights import Digests

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass
class Watch:
    """One check after the other. `up` is said only after a full check, and stands until something speaks against it."""

    settings: Settings
    digests: Digests
    word: str | None
    settled: bool = False
    """The last check was complete and good."""
    turn: int = 0

    def check(self) -> None:
        """Judge once."""
        self._refresh()
        problem = self.digests.problem(wait_s=self.settings.retry_s)
        if problem is not None:
            self._say(f"down #digest {problem}")
            return
        prompts = load_golden(self.settings)
        if not prompts:
            self._say("down #no golden answers for this engine and these weights")
            return
        try:
            compare(self.settings, load_key(), self._some(prompts) if self.settled else prompts)
        except WrongAnswerError as error:
            self._say(f"down #answer {error}")
        except NoAnswerError:
            self._keep()
        else:
            self._say(UP)

    def _refresh(self) -> None:
        """Take the settings anew: a restore may have put others in place. Without any, the last ones stand."""
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            settings = load_settings()
            self.settled = self.settled and settings == self.settings
            self.settings = settings

    def _some(self, prompts: Sequence[Prompt]) -> list[Prompt]:
        """The next few of the shortest: a check that is due every few seconds has to be cheap."""
        fewest = min(prompt.max_tokens for prompt in prompts)
        short = [prompt for prompt in prompts if prompt.max_tokens == fewest]
        first, self.turn = self.turn, self.turn + self.settings.prompts_per_check
        return [short[turn % len(short)] for turn in range(first, self.turn)]

    def _say(self, word: str) -> None:
        word = " ".join(word.split())
        if word != self.word:
            print(word, flush=True)  # noqa: T201
        self.word = word
        self.settled = word == UP
        write_verdict(word, judged=True)

    def _keep(self) -> None:
        """Nobody answered, so the last word stands; the next answer is judged by all prompts."""
        self.settled = False
        if self.word is not None:
            write_verdict(self.word, judged=False)


def watch() -> int:
    """Check for ever."""
    settings = load_settings()
    kept = read_verdict()
    state = Watch(settings, Digests(Path(settings.models_dir), settings.digest_interval_s), kept.word if kept else None)
    while True:
        started = time.monotonic()
        state.check()
        pause = settings.interval_s if state.settled else settings.retry_s
        time.sleep(max(0.05, started + pause - time.monotonic()))
