"""What touches hosts is written down before and after it happens."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import click

from drill_runner.audit import append, audit_path
from drill_runner.catalog import Project
from drill_runner.cli.settings import ExitCode
from drill_runner.errors import UsageError
from drill_runner.model.audit import Action, AuditEntry, Command
from drill_runner.model.plan import Plan
from drill_runner.who import who


def action_of(command: Command, plan: Plan, project: Project) -> Action:
    """What carrying out `plan` is, for the log."""
    return Action(
        command=command,
        drill=plan.drill.name,
        inventory=project.shown(Path(plan.inventory.source)),
        hosts=plan.targets,
        run_id=plan.run_id,
    )


@dataclass
class Ending:
    """How the action ended, for whoever carries it out to say."""

    exit_code: ExitCode = ExitCode.PASSED
    verdict: str | None = None
    approved_by: str | None = None
    problem: str | None = None


@contextmanager
def audited(action: Action, *, vital: bool = True) -> Iterator[Ending]:
    """Inside, `action` is under way, and the audit log says so.

    Args:
        action: What is done.
        vital: It must not be done unless it is written down. False for what ends damage: that is done in any case.

    Raises:
        UsageError: It cannot be written down; nothing was done yet.
    """
    make = partial(AuditEntry, id=uuid.uuid4().hex, who=who(), action=action)
    path = audit_path()
    try:
        append(path, lambda previous: make(event="began", utc=_now(), previous=previous))
    except OSError as error:
        text = f"{path}: the audit log cannot be written: {error.strerror}"
        if vital:
            raise UsageError(f"{text}; expected it to be, before any host is touched") from error
        click.echo(f"Warning: {text}", err=True)
    ending = Ending()
    try:
        yield ending
    except BaseException as error:
        ending.exit_code, ending.problem = _told(error)
        raise
    finally:
        try:
            append(
                path,
                lambda previous: make(
                    event="ended",
                    utc=_now(),
                    exit_code=int(ending.exit_code),
                    verdict=ending.verdict,
                    approved_by=ending.approved_by,
                    problem=ending.problem,
                    previous=previous,
                ),
            )
        except OSError as error:
            click.echo(f"Warning: {path}: the end is not in the audit log: {error.strerror}", err=True)


def _told(error: BaseException) -> tuple[ExitCode, str | None]:
    if isinstance(error, UsageError):
        return ExitCode.REFUSED, str(error)
    if isinstance(error, KeyboardInterrupt | click.Abort):
        return ExitCode.INTERRUPTED, None
    return ExitCode.OWN_ERROR, f"{type(error).__name__}: {error}"


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
