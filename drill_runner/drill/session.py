"""One run under way: its folder, its clock, its observer, and the ways to wait."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from drill_runner.catalog import Project
from drill_runner.drill.progress import Progress
from drill_runner.drill.renew import Renewer
from drill_runner.drill.view import View
from drill_runner.execute import PlaybookRun, run_playbook
from drill_runner.journal import Journal
from drill_runner.model.fault import Scalar
from drill_runner.model.plan import Phase, Plan
from drill_runner.model.record import (
    CheckFinished,
    Delay,
    PhaseEnded,
    PhaseStarted,
    PlaybookEnded,
    PlaybookStarted,
    Record,
)
from drill_runner.observe.process import Observer, ObserverDiedError
from drill_runner.postconditions import run_checks

LOOK_EVERY_S = 0.1


class DrillOverError(Exception):
    """The drill cannot go on; what was armed is reverted, and the verdict says why."""


class StoppedError(DrillOverError):
    """It was told to stop, or its observer died: what it would have shown is not known."""


class DamageError(DrillOverError):
    """More came of the fault than was agreed on."""


@dataclass
class Session:
    """What the phases share. The only thing here that changes is what was seen."""

    plan: Plan
    project: Project
    inventory: Path
    folder: Path
    journal: Journal
    observer: Observer
    progress: Progress
    stop: Callable[[], str | None]
    """Why the run was told to stop; None while it was not."""
    delay: Delay | None = None
    """How long to leave the steady service alone before the fault."""
    started: float = field(default_factory=time.monotonic)
    view: View = field(default_factory=View)
    playbooks: int = 0
    reverting: bool = False
    """From here on nothing may keep the revert from being done: not a full disk, not a dead observer."""

    clean: bool = True
    """Every lease that was armed was shown to be gone."""

    def write(self, record: Record) -> None:
        """Journal a record; OSError if the disk does not take it, unless the revert is under way."""
        try:
            self.journal.write(record)
        except OSError as error:
            if not self.reverting:
                raise
            self.progress.note(f"the journal cannot be written: {error.strerror}")

    @contextmanager
    def phase(self, phase: Phase) -> Iterator[None]:
        """Journal a stage's begin and end, whatever happens in it."""
        step = next(step for step in self.plan.steps if step.phase is phase)
        self.write(PhaseStarted(at=time.monotonic(), phase=phase))
        self.progress.phase(phase, step.does)
        problem: str | None = None
        try:
            yield
        except BaseException as error:
            problem = str(error) or type(error).__name__
            raise
        finally:
            self.write(PhaseEnded(at=time.monotonic(), phase=phase, problem=problem))

    def why_stop(self) -> DrillOverError | None:
        """Take in new samples; then why the run cannot go on, if so. Never raises."""
        try:
            samples = self.observer.poll()
        except ObserverDiedError as error:
            return None if self.reverting else StoppedError(str(error))
        self.view.add(samples)
        self.progress.seen(samples)
        if self.reverting:
            return None
        if why := self.stop():
            return StoppedError(why)
        return self._damage()

    def _damage(self) -> DamageError | None:
        limits, view = self.plan.drill.abort_if, self.view
        if limits.failed_requests is not None and view.failed > limits.failed_requests:
            return DamageError(f"{view.failed} failed requests; abort_if.failed_requests is {limits.failed_requests}")
        if limits.outage_s is not None and (bad := view.bad_for(time.monotonic())) > limits.outage_s:
            return DamageError(f"no good answer for {bad:.1f} s; abort_if.outage_s is {limits.outage_s:g}")
        return None

    def wait(self, until: Callable[[], bool], what: str, seconds: float) -> bool:
        """Look until `until` holds; False when `seconds` pass first.

        Raises:
            DrillOverError: The run was told to stop, or more came of the fault than was agreed on.
        """
        self.progress.doing(what)
        deadline = time.monotonic() + seconds
        while True:
            if over := self.why_stop():
                raise over
            if until():
                return True
            if time.monotonic() > deadline:
                return False
            time.sleep(LOOK_EVERY_S)

    def run(
        self, phase: Phase, playbook: str, hosts: tuple[str, ...], variables: dict[str, Scalar], timeout_s: float
    ) -> PlaybookRun:
        """Run a playbook, journalled before and after.

        Raises:
            DrillOverError: The run was told to stop meanwhile, or more came of the fault than was agreed on.
        """
        self.write(PlaybookStarted(at=time.monotonic(), phase=phase, playbook=playbook, hosts=hosts))
        self.playbooks += 1
        self.progress.doing(f"{playbook}.yml on {', '.join(hosts)}")
        run = run_playbook(
            self.project.root,
            playbook,
            self.inventory,
            variables=variables,
            keep=self.folder / "artifacts" / f"{self.playbooks:02d}-{playbook}",
            on_task=lambda task: self.progress.doing(f"{playbook}.yml: {task}"),
            stop=lambda: self.why_stop() is not None,
            timeout_s=timeout_s,
        )
        self.write(
            PlaybookEnded(
                at=run.ended,
                phase=phase,
                playbook=playbook,
                status=run.status,
                rc=run.rc,
                failed_task=run.failures[0] if run.failures else None,
            )
        )
        if over := self.why_stop():
            raise over
        return run

    def renewing(self) -> Renewer:
        """Whoever is inside is known to the targets to be there."""
        variables: dict[str, Scalar] = {
            "fault_targets": ",".join(self.plan.targets),
            "fault_lease_run": self.plan.run_id,
        }

        def renew(stop: Callable[[], bool], timeout_s: float) -> PlaybookRun:
            return run_playbook(
                self.project.root, "fault_renew", self.inventory, variables=variables, stop=stop, timeout_s=timeout_s
            )

        return Renewer(self.plan.targets, self.plan.drill.renew_within_s, renew, self.journal.write)

    def check(self, phase: Phase, checks: tuple[str, ...]) -> tuple[CheckFinished, ...]:
        """Run testinfra checks and journal each."""
        self.progress.doing(f"checks: {', '.join(checks)}")
        done = run_checks(
            self.project.root,
            checks,
            inventory=self.plan.inventory,
            targets=self.plan.targets,
            fault_targets=self.plan.fault_targets,
            phase=phase,
            xml_path=self.folder / f"checks-{phase}.xml",
            on_result=self.progress.checked,
        )
        for result in done:
            self.write(result)
        return done
