"""What happened when, each with its bound and its evidence; what has no evidence says so and is not guessed."""

from collections.abc import Callable, Iterable, Sequence

from drill_runner.evaluate import alerts, pool, pool_log
from drill_runner.evaluate.alerts import Noticed
from drill_runner.evaluate.evidence import witnesses
from drill_runner.evaluate.history import History
from drill_runner.evaluate.outages import probes_of, start_of
from drill_runner.evaluate.restart import Restart, restart_of
from drill_runner.evaluate.streams import Lag, lag, promised_itl_ms, streams_of
from drill_runner.evaluate.wording import span
from drill_runner.model.base import Interval
from drill_runner.model.plan import Phase, Plan, Watch
from drill_runner.model.record import (
    CheckFinished,
    Detected,
    EffectShown,
    EvidenceCollected,
    PhaseEnded,
    PhaseStarted,
    PlaybookStarted,
    Record,
    Whole,
)
from drill_runner.model.result import Episode, Mark, MarkName
from drill_runner.model.sample import Outcome, ProbeSample

Finding = tuple[Interval | None, str]
"""An instant since the observer's start, and the evidence for it or why there is none."""


def marks(history: History, episodes: Sequence[Episode]) -> tuple[Mark, ...]:
    """All marks of a run, in the order in which they usually come."""
    return _Marker(history, episodes).marks()


def instant(found: Iterable[Mark], name: MarkName) -> Interval | None:
    """When `name` happened, as far as it is known."""
    return next((mark.instant for mark in found if mark.name == name), None)


def drilled(history: History, episodes: Sequence[Episode]) -> tuple[Episode, ...]:
    """The outages that a recovery is about.

    Not those that were over before the fault took hold, nor those that began while it was being reverted.
    """
    begin, effect = start_of(history.samples), effect_of(history)
    since = effect.lower - begin if effect else 0.0
    until = revert_of(history) - begin
    return tuple(
        episode
        for episode in episodes
        if episode.start.lower < until and (episode.end is None or episode.end.upper >= since)
    )


def effect_of(history: History) -> Interval | None:
    """When the first fault took hold, on the controller's clock."""
    return _earliest([record.took_hold for record in history.records if isinstance(record, EffectShown)])


def revert_of(history: History) -> float:
    """The instant at which the runner began to revert; for ever, if it did not."""
    starts = [one.at for one in history.records if isinstance(one, PhaseStarted) and one.phase is Phase.REVERT]
    return min(starts, default=float("inf"))


def lagging(history: History, episodes: Sequence[Episode]) -> Lag | None:
    """Whether streams were the last to be within the service level; instants since the observer's start.

    Asked of a drill only, and not where probes are still bad: single tokens and streams have to be back, both.
    """
    begin, effect, during = start_of(history.samples), effect_of(history), drilled(history, episodes)
    ends = [episode.end for episode in during]
    if effect is None or (ends and ends[-1] is None):
        return None
    since = max([effect.upper, *(begin + end.upper for end in ends if end)])
    found = lag(streams_of(history.samples), since, revert_of(history), promised_itl_ms(history))
    if found is None:
        return None
    return Lag(start=_less(found.start, begin), end=_less(found.end, begin) if found.end else None)


def overlooked(history: History, episodes: Sequence[Episode]) -> bool:
    """Whether one of those who had to notice the fault was watched, and did not."""
    return any(one.missed for one in _Marker(history, episodes).noticed())


def _injects(record: Record) -> bool:
    return isinstance(record, PlaybookStarted) and record.phase is Phase.INJECT


def _less(at: Interval, begin: float) -> Interval:
    return Interval(lower=at.lower - begin, upper=at.upper - begin)


class _Marker:
    """Instants of the controller's clock inside, instants since the observer's start outside."""

    def __init__(self, history: History, episodes: Sequence[Episode]) -> None:
        self._history = history
        self._episodes = drilled(history, episodes)
        self._lag = lagging(history, episodes)
        self._begin = start_of(history.samples)
        self._looks = pool.looks(history.samples, until=revert_of(history))
        self._targets = pool.replicas(self._looks, history.plan.targets if history.plan else ())
        self._shown = [record for record in history.records if isinstance(record, EffectShown)]
        self._effect = effect_of(history)
        told = witnesses(history.evidence, self._effect, revert_of(history))
        self._balancers = tuple(told.values())
        self._restarts = {target: restart_of(told[target]) for target in self._targets if target in told}

    def marks(self) -> tuple[Mark, ...]:
        restored, back = self._restored(), self._replica_back()
        of_a_drill: tuple[tuple[MarkName, Finding], ...] = (
            ("effect", self._took_hold()),
            ("first_failure", self._first_failure()),
            ("detected", self._detected()),
            ("recovery_started", self._recovery_started()),
            ("weights_verified", self._step(lambda restart: restart.verified)),
            ("process_started", self._step(lambda restart: restart.started)),
            ("model_loaded", self._step(lambda restart: restart.loaded)),
            ("first_token", self._first_token()),
            ("restored", restored),
            ("replica_back", back),
            ("whole", self._whole(restored[0], back[0])),
            ("postconditions_passed", self._postconditions()),
        )
        of_clients: tuple[tuple[MarkName, Finding], ...] = (
            ("first_failure", self._first_failure()),
            ("restored", restored),
        )
        findings = of_clients if isinstance(self._history.plan, Watch) else of_a_drill
        effect = self._shift(self._effect)
        return tuple(
            Mark(name=name, instant=at, since_effect=at.since(effect) if at and effect else None, evidence=evidence)
            for name, (at, evidence) in findings
        )

    def _took_hold(self) -> Finding:
        evidence = "; ".join(f"{record.host}: {record.evidence}" for record in self._shown)
        return self._shift(self._effect), (evidence + self._took()) or "no target proved an effect"

    def _took(self) -> str:
        """How long after the injection began, most of which is Ansible's own time."""
        started = [one.at for one in self._history.records if _injects(one)]
        if self._effect is None or not started:
            return ""
        since = self._effect.since(Interval(lower=min(started), upper=min(started)))
        return f"; {span(since)} s after its injection began"

    def _first_failure(self) -> Finding:
        if self._episodes:
            return self._episodes[0].start, "between the last good probe and the first failed one"
        if self._lag:
            return self._lag.start, "no probe failed; between the last good stream and the first bad one"
        return None, "no probe failed"

    def _restored(self) -> Finding:
        if self._lag:
            if self._lag.end is None:
                return None, "streams never were within the service level again"
            return self._lag.end, "between the last bad stream and the end of the first good one; the probes were good"
        if not self._episodes:
            return None, "no probe failed"
        end = self._episodes[-1].end
        return end, "between the last failed probe and the first of enough good ones" if end else "it never was"

    def _detected(self) -> Finding:
        """When the last of those who had to notice had."""
        found = self.noticed()
        known = [one.instant for one in found if one.instant is not None]
        if not found:
            return None, "no effect to detect"
        if len(known) < len(found):
            return None, "; ".join(one.evidence for one in found if one.instant is None)
        return self._shift(_latest(known)), "; ".join(one.evidence for one in found)

    def noticed(self) -> tuple[Noticed, ...]:
        """Each of those who had to notice; the load balancer, where the drill names nobody."""
        plan, effect = self._history.plan, self._effect
        if effect is None:
            return ()
        detection = plan.drill.detection if isinstance(plan, Plan) else None
        if detection is None or detection.alert is None:
            return (self._by_load_balancer(effect),)
        by_alert = alerts.noticed(
            self._history.samples,
            detection.alert,
            effect,
            within_s=detection.within_s,
            until=revert_of(self._history),
        )
        return (self._by_load_balancer(effect), by_alert) if detection.load_balancer else (by_alert,)

    def _by_load_balancer(self, effect: Interval) -> Noticed:
        times = {target: self._left(target) for target in self._targets}
        seen = [at for at in times.values() if at is not None]
        if seen and len(seen) == len(times):
            words = f"the load balancer had {_and(times)} out of its pool{self._log(times)}"
            return Noticed(instant=_latest(seen), evidence=words)
        told = [one for one in self._history.records if isinstance(one, Detected) and one.by == "load_balancer"]
        if told:
            first = min(told, key=lambda record: (record.instant.upper, record.at))
            return Noticed(instant=first.instant, evidence=f"{first.by}: {first.what}")
        watched = bool(self._looks)
        if not any(look.answered >= effect.lower for look in self._looks):
            words = "the load balancer's statistics were not seen after the effect"
            return Noticed(instant=None, evidence=words, missed=watched)
        never = [target for target, at in times.items() if at is None]
        words = f"{_and(never)} was never seen to leave the load balancer's pool"
        return Noticed(instant=None, evidence=words, missed=watched)

    def _left(self, target: str) -> Interval | None:
        """By the load balancer's statistics and its log, whichever tells; by both, more tightly than by one."""
        if self._effect is None:
            return None
        logged = pool_log.left(self._balancers, target)
        return pool_log.narrowed(pool.left(self._looks, target, self._effect.lower), logged.at if logged else None)

    def _log(self, targets: Iterable[str]) -> str:
        """The load balancers' own words for it."""
        downs = [down for target in targets if (down := pool_log.left(self._balancers, target)) is not None]
        return "".join(f"; {down.host}'s log: {pool_log.why(self._balancers, down)}" for down in downs)

    def _recovery_started(self) -> Finding:
        plan = self._history.plan
        if not isinstance(plan, Plan) or plan.drill.recovery.playbook is None:
            at, evidence = self._step(lambda restart: restart.began, first=True)
            return at, evidence if at else f"recovery is automatic, and there is {evidence}"
        for record in self._history.records:
            if isinstance(record, PlaybookStarted) and record.phase is Phase.RECOVER:
                return self._shift(Interval(lower=record.at, upper=record.at)), f"playbook {record.playbook} started"
        return None, "no recovery playbook was started"

    def _replica_back(self) -> Finding:
        if self._effect is None or not self._targets:
            return None, "no effect to come back from"
        since = self._effect.lower
        times = {target: self._back(target, since) for target in self._targets}
        back = [at for at in times.values() if at is not None]
        if len(back) == len(times):
            return self._shift(_latest(back)), f"the load balancer had {_and(times)} in its pool again"
        left = [target for target in times if pool.left(self._looks, target, since)]
        away = [target for target in left if times[target] is None]
        if away:
            return None, f"{_and(away)} left the load balancer's pool and was not seen to come back"
        return self._answered([target for target, at in times.items() if at is None], back)

    def _back(self, target: str, since: float) -> Interval | None:
        """As with leaving; but one that the statistics had out of the pool to the end is not back."""
        polled, logged = pool.came_back(self._looks, target, since), pool_log.came_back(self._balancers, target)
        if polled is None and pool.left(self._looks, target, since) is not None:
            return None
        return pool_log.narrowed(polled, logged.at if logged else None)

    def _step(self, of: Callable[[Restart], Finding], *, first: bool = False) -> Finding:
        """A step of every target's restart: when the last of them had taken it, or the first."""
        if self._effect is None:
            return None, "no effect to come back from"
        silent = [target for target in self._targets if target not in self._restarts]
        if silent or not self._targets:
            return None, f"no evidence from {_and(silent)}{self._why_silent()}"
        steps = [of(restart) for restart in self._restarts.values()]
        known = [at for at, _ in steps if at is not None]
        if len(known) < len(steps) and not (first and known):
            return None, "; ".join(why for at, why in steps if at is None)
        told = "; ".join(evidence for at, evidence in steps if at is not None)
        return self._shift(_earliest(known) if first else _latest(known)), told

    def _why_silent(self) -> str:
        for record in self._history.records:
            if isinstance(record, EvidenceCollected):
                return f": {record.problem}" if record.problem else ": its clock cannot be compared"
        return ": it was not asked"

    def _first_token(self) -> Finding:
        """Of every target after it had gone, at the client; a service that kept answering has no such instant."""
        if self._effect is None or not self._targets:
            return None, "no effect to come back from"
        found: list[Interval] = []
        told: list[str] = []
        for target in self._targets:
            at, evidence = self._first_token_of(target)
            if at is None:
                return None, evidence
            found.append(at)
            told.append(evidence)
        return self._shift(_latest(found)), "; ".join(told)

    def _first_token_of(self, target: str) -> Finding:
        restart, left = self._restarts.get(target), self._left(target)
        started = restart.started[0] if restart else None
        if self._effect is None or (started is None and left is None):
            return None, f"{target} was never seen to go"
        # A replica may answer until it has left for certain; a new engine process answers for itself.
        gone = started.lower if started else left.upper if left else self._effect.upper
        answer = self._first_answer(target, max(gone, self._effect.upper))
        if answer is not None:
            return Interval(lower=answer, upper=answer), f"a probe's first token from {target} since it had gone"
        served = pool_log.served(self._balancers, target)
        if served is not None:
            return served.at, f"{served.host}'s log: the first request that {target} answered since it was up"
        return None, f"no request was answered by {target} since it had gone"

    def _postconditions(self) -> Finding:
        """The checks run together, so the last of them passed between their start and their end."""
        spans: dict[type[object], float] = {}
        for record in self._history.records:
            if isinstance(record, PhaseStarted | PhaseEnded) and record.phase is Phase.POSTCONDITIONS:
                spans[type(record)] = record.at
        if PhaseStarted not in spans or PhaseEnded not in spans:
            return None, "the post-conditions were not checked"
        checks = [one for one in self._history.records if isinstance(one, CheckFinished)]
        after = [one for one in checks if one.phase is Phase.POSTCONDITIONS]
        bad = [one.name for one in after if one.outcome != "passed"]
        if bad or not after:
            return None, f"{_and(bad) or 'nothing'} {'did not pass' if bad else 'was checked'}"
        # One after the other: the last was over no sooner than all of them took.
        upper = max(spans.values())
        lower = min(upper, spans[PhaseStarted] + sum(one.seconds for one in after))
        at = Interval(lower=lower, upper=upper)
        return self._shift(at), f"all {len(after)} checks passed, one after the other; when the last did"

    def _answered(self, stayed: Sequence[str], back: Sequence[Interval]) -> Finding:
        """Targets that were never seen to leave: their own answers are evidence, unless it had to take them out.

        A replica that it should have noticed and did not may answer and still be broken.
        """
        never = f"{_and(stayed)} was never seen to leave the load balancer's pool"
        plan, effect = self._history.plan, self._effect
        if effect is None or not isinstance(plan, Plan):
            return None, never
        if plan.drill.detection is not None and plan.drill.detection.load_balancer is not None:
            return None, never
        answers = [self._first_answer(target, effect.upper) for target in stayed]
        known = [answer for answer in answers if answer is not None]
        if len(known) < len(answers):
            return None, f"{never}, and no answer to a probe after the effect says that it came from there"
        served = [Interval(lower=effect.lower, upper=max(effect.lower, answer)) for answer in known]
        return self._shift(_latest([*served, *back])), f"{never}; it answered a probe that was sent after the effect"

    def _first_answer(self, target: str, after: float) -> float | None:
        revert = revert_of(self._history)
        answers = [
            probe.end if probe.first_token is None else probe.first_token
            for probe in probes_of(self._history.samples)
            if _good_from(probe, target) and after <= (probe.sent or probe.due) < revert
        ]
        return min(answers, default=None)

    def _whole(self, restored: Interval | None, back: Interval | None) -> Finding:
        for record in self._history.records:
            if isinstance(record, Whole):
                at = record.at - self._begin
                lower = max((one.lower for one in (restored, back) if one), default=at)
                return Interval(lower=min(lower, at), upper=at), record.what
        return None, "the runner never found everything back"

    def _shift(self, at: Interval | None) -> Interval | None:
        return _less(at, self._begin) if at else None


def _good_from(probe: ProbeSample, target: str) -> bool:
    return probe.outcome is Outcome.OK and probe.replica == target


def _earliest(times: Sequence[Interval]) -> Interval | None:
    if not times:
        return None
    return Interval(lower=min(at.lower for at in times), upper=min(at.upper for at in times))


def _latest(times: Sequence[Interval]) -> Interval:
    return Interval(lower=max(at.lower for at in times), upper=max(at.upper for at in times))


def _and(names: Iterable[str]) -> str:
    return " and ".join(names)
