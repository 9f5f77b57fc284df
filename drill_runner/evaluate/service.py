"""The level of service a client had, in parts of a run."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Literal

from drill_runner.evaluate.numbers import percentiles
from drill_runner.model.base import data
from drill_runner.model.result import Window
from drill_runner.model.sample import ObserverStopped, Outcome, ProbeSample, Sample


@data
class Tally:
    """Where every scheduled probe went."""

    scheduled: int
    good: int
    failed: int
    not_sent: int
    missing: int
    """Scheduled, and without a line."""
    twice: int
    """Lines for a probe that has another one."""

    @property
    def unknown(self) -> int:
        """Probes of which nobody can say whether they would have been good."""
        return self.not_sent + self.missing


def tally(probes: Sequence[ProbeSample], samples: Iterable[Sample]) -> Tally:
    """Count `probes` against the schedule that the observer's last line claims, or that their numbers imply."""
    claimed = [sample.scheduled for sample in samples if isinstance(sample, ObserverStopped)]
    outcomes = Counter(probe.outcome for probe in probes)
    seqs = {probe.seq for probe in probes}
    scheduled = max([*claimed, *(seq + 1 for seq in seqs)], default=0)
    good, not_sent = outcomes[Outcome.OK], outcomes[Outcome.NOT_SENT]
    return Tally(
        scheduled=scheduled,
        good=good,
        failed=len(probes) - good - not_sent,
        not_sent=not_sent,
        missing=scheduled - len(seqs),
        twice=len(probes) - len(seqs),
    )


def windows(probes: Sequence[ProbeSample], effect: float | None, whole: float | None) -> tuple[Window, ...]:
    """Before, during and after the fault, by when a probe was due, and all of it.

    Args:
        probes: in the order of the schedule.
        effect: the instant from which the fault may have been in effect; None: it never was.
        whole: the instant from which everything was back; None: it never was.
    """
    if effect is None:
        return (_window("all", probes),)
    end = float("inf") if whole is None else max(effect, whole)
    return (
        _window("before", [probe for probe in probes if probe.due < effect]),
        _window("during", [probe for probe in probes if effect <= probe.due < end]),
        _window("after", [probe for probe in probes if probe.due >= end]),
        _window("all", probes),
    )


def _window(name: Literal["before", "during", "after", "all"], probes: Sequence[ProbeSample]) -> Window:
    good = [probe for probe in probes if probe.outcome is Outcome.OK]
    return Window(
        name=name,
        scheduled=len(probes),
        good=len(good),
        by_outcome=dict(sorted(Counter(probe.outcome for probe in probes).items())),
        by_replica=dict(sorted(Counter(probe.replica for probe in good if probe.replica is not None).items())),
        ttft_ms=percentiles([ttft_ms(probe) for probe in probes if probe.first_token is not None]),
    )


def ttft_ms(probe: ProbeSample) -> float:
    """From when it was due to its first token; to its end if it never had one."""
    return ((probe.end if probe.first_token is None else probe.first_token) - probe.due) * 1000
