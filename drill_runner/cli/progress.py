"""The drill as it happens: live in a terminal, by lines elsewhere. On standard error, so results can be piped."""

import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console, ConsoleOptions, RenderResult
from rich.live import Live
from rich.markup import escape
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from drill_runner.model.plan import Phase
from drill_runner.model.record import CheckFinished
from drill_runner.model.sample import Outcome, PoolSample, ProbeSample, Sample

CELLS = 60
"""The newest probes, one cell each."""
GOOD, BAD = "▁", "█"
SILENCE_S = 10.0
"""So long a log may say nothing."""


class Lines:
    """For logs and pipes: one line for each thing that is worth one."""

    def __init__(self, console: Console) -> None:
        """Print to `console`."""
        self._console = console
        self._start = time.monotonic()
        self._last = self._start
        self._failures = 0

    def _line(self, text: str) -> None:
        self._last = time.monotonic()
        self._console.print(f"[dim]{self._last - self._start:7.1f} s[/]  {text}", highlight=False, soft_wrap=True)

    def phase(self, phase: Phase, does: str) -> None:
        """A stage begins."""
        self._line(f"[bold]{phase.replace('_', ' ')}[/]  {escape(does)}")

    def doing(self, what: str) -> None:
        """Too much for a log, but a log must not be silent for long either."""
        if what and time.monotonic() - self._last >= SILENCE_S:
            self._line(escape(what))

    def note(self, what: str) -> None:
        """Something happened."""
        self._line(escape(what))

    def seen(self, samples: Sequence[Sample]) -> None:
        """New samples: only the first failure gets a line."""
        bad = [one for one in samples if isinstance(one, ProbeSample) and one.outcome is not Outcome.OK]
        if bad and not self._failures:
            self._line(f"first client failure: {bad[0].outcome} {escape(bad[0].error or '')}")
        self._failures += len(bad)

    def checked(self, check: CheckFinished) -> None:
        """A check ended."""
        if check.outcome != "passed":
            self._line(f"[red]{check.outcome}[/]  {escape(check.name)}: {escape(check.message or '')}")


class Screen(Lines):
    """For a terminal: the same lines, and under them what is happening right now."""

    def __init__(self, console: Console) -> None:
        """Draw on `console`."""
        super().__init__(console)
        self._phase = ""
        self._what = ""
        self._since = time.monotonic()
        self._probes: deque[bool] = deque(maxlen=CELLS)
        self._good = 0
        self._bad = 0
        self._last_ms: float | None = None
        self._pool: dict[str, str] = {}
        self._spinner = Spinner("dots")

    def phase(self, phase: Phase, does: str) -> None:
        """A stage begins."""
        super().phase(phase, does)
        self._phase = phase.replace("_", " ")
        self.doing("")

    def doing(self, what: str) -> None:
        """What is waited for."""
        if what != self._what:
            self._what, self._since = what, time.monotonic()

    def seen(self, samples: Sequence[Sample]) -> None:
        """Count them."""
        super().seen(samples)
        for sample in samples:
            if isinstance(sample, ProbeSample):
                good = sample.outcome is Outcome.OK
                self._probes.append(good)
                self._good, self._bad = self._good + good, self._bad + (not good)
                if sample.first_token is not None:
                    self._last_ms = (sample.first_token - sample.due) * 1000
            elif isinstance(sample, PoolSample) and sample.servers:
                self._pool = sample.servers

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """What is happening right now, in as few lines as it takes."""
        table = Table.grid(padding=(0, 1))
        table.add_column(width=1)
        table.add_column(overflow="ellipsis", no_wrap=True, max_width=max(20, options.max_width - 4))
        doing = Text.assemble((self._phase, "bold"), "  ", self._what or "…", ("  ", ""))
        doing.append(f"{time.monotonic() - self._since:.0f} s", style="dim")
        table.add_row(self._spinner, doing)
        if self._probes:
            room = max(10, min(CELLS, options.max_width - 44))
            cells = list(self._probes)[-room:]
            line = Text("clients ")
            for good in cells:
                line.append(GOOD if good else BAD, style="green" if good else "red")
            latency = "" if self._last_ms is None else f", {self._last_ms:.0f} ms"
            line.append(f"  {self._good} good, ")
            line.append(f"{self._bad} failed", style="red" if self._bad else "")
            line.append(latency)
            table.add_row("", line)
        if self._pool:
            line = Text("pool    ")
            for server, status in self._pool.items():
                line.append(f"{server} ")
                line.append(f"{status}  ", style="green" if status == "UP" else "red")
            table.add_row("", line)
        yield table


@contextmanager
def shown(console: Console) -> Iterator[Lines]:
    """The right kind of progress for where it goes."""
    if not console.is_terminal:
        yield Lines(console)
        return
    screen = Screen(console)
    with Live(screen, console=console, refresh_per_second=8, transient=True):
        yield screen
