"""What the samples so far say, for decisions while a drill runs. The verdict is `evaluate`'s, from all of them."""

from collections import deque
from collections.abc import Iterable

from drill_runner.model.base import Interval
from drill_runner.model.sample import AlertSample, Outcome, PoolSample, ProbeSample, Sample


class View:
    """The client's place, the load balancer's pool and what fires, up to the last sample."""

    def __init__(self) -> None:
        """Nothing was seen yet."""
        self.good_in_a_row = 0
        self.good_since: float | None = None
        """When the first of the good probes in a row was due."""
        self.last_failure: str | None = None
        self.failed = 0
        """Probes since `count_from`."""
        self._from: float | None = None
        self.last_good: float | None = None
        """When the last good probe was due."""
        self.pool: PoolSample | None = None
        self._ups: dict[str, float] = {}
        self._left: dict[str, deque[Interval]] = {}
        self.firing: frozenset[str] | None = None
        """Alerts by name, as of Alertmanager's last answer; None: it never gave one."""
        self.alerts_problem: str | None = None
        """What went wrong when Alertmanager was asked last."""
        self._alerts_asked = 0.0
        self._fired: dict[str, deque[Interval]] = {}

    def add(self, samples: Iterable[Sample]) -> None:
        """Take in what is new."""
        for sample in samples:
            if isinstance(sample, ProbeSample):
                self._probe(sample)
            elif isinstance(sample, PoolSample) and sample.servers:
                self._pool(sample)
            elif isinstance(sample, AlertSample):
                self._alerts(sample)

    def _probe(self, sample: ProbeSample) -> None:
        if sample.outcome is Outcome.OK:
            self.good_in_a_row += 1
            self.good_since = sample.due if self.good_since is None else self.good_since
            self.last_good = sample.due
        else:
            self.failed += self._from is not None and sample.due >= self._from
            self.good_in_a_row, self.good_since = 0, None
            self.last_failure = f"{sample.outcome}: {sample.error or sample.answer or sample.status or ''}"

    def _pool(self, sample: PoolSample) -> None:
        before, self.pool = self.pool, sample
        for server, status in sample.servers.items():
            was_up = before is not None and before.servers.get(server) == "UP"
            if status == "UP":
                self._ups[server] = sample.asked
            elif was_up and server in self._ups:
                span = Interval(lower=self._ups[server], upper=sample.answered)
                self._left.setdefault(server, deque()).append(span)

    def _alerts(self, sample: AlertSample) -> None:
        self.alerts_problem = sample.error
        if sample.firing is None:
            return
        if self.firing is not None:
            span = Interval(lower=self._alerts_asked, upper=sample.answered)
            for name in sample.firing.keys() - self.firing:
                self._fired.setdefault(name, deque()).append(span)
        self.firing, self._alerts_asked = frozenset(sample.firing), sample.asked

    def count_from(self, instant: float) -> None:
        """From here on failed probes are counted."""
        self.failed, self._from = 0, instant

    def bad_for(self, now: float) -> float:
        """Seconds since the last good probe was due, since `count_from` at most; 0 while the last one was good."""
        if self.good_in_a_row or self._from is None:
            return 0.0
        return now - max(self._from, self.last_good or self._from)

    def good_for(self, now: float) -> float:
        """Seconds for which every answer was good; 0 while there is none."""
        return 0.0 if self.good_since is None else now - self.good_since

    def up(self, server: str) -> bool:
        """The load balancer sends requests to `server`, as of its last answer."""
        return self.pool is not None and self.pool.servers.get(server) == "UP"

    def replica(self, server: str) -> bool:
        """The load balancer knows `server`, whether it sends requests there or not, as of its last answer."""
        return self.pool is not None and server in self.pool.servers

    def left_pool(self, server: str, after: float) -> Interval | None:
        """When `server` first left the pool, if that was after the instant `after`."""
        return next((span for span in self._left.get(server, ()) if span.upper >= after), None)

    def fired(self, alert: str, after: float) -> Interval | None:
        """When `alert` was first seen to begin to fire, if that was after the instant `after`."""
        return next((span for span in self._fired.get(alert, ()) if span.upper >= after), None)
