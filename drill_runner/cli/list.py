"""`drill_runner list`."""

import json
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path

import click
from pydantic import TypeAdapter, ValidationError
from rich.console import Console
from rich.table import Table

from drill_runner.audit import AuditLog, audit_path, read_audit
from drill_runner.catalog import Project, coverage, load_drills, load_faults, load_studies
from drill_runner.cli.options import examples, inventory_option, json_option
from drill_runner.cli.planning import inventory_of, project_of
from drill_runner.cli.settings import ExitCode, Settings
from drill_runner.errors import UsageError
from drill_runner.execute import run_playbook
from drill_runner.history import run_folders
from drill_runner.model.audit import AuditEntry
from drill_runner.model.backup import Backup
from drill_runner.model.base import data
from drill_runner.model.drill import Drill
from drill_runner.model.fault import Fault
from drill_runner.model.result import RESULT_VERSION, Result, Verdict
from drill_runner.model.study import Coverage
from drill_runner.report.backups_text import show_backups
from drill_runner.report.coverage_text import show_coverage

WRAPPED = frozenset({"SUMMARY", "FAULTS", "VERDICT", "FROM", "WHAT", "ON", "ENDED"})
"""Columns that may take several lines."""
BACKUPS_WITHIN_S = 120.0


@data
class Run:
    """A run folder, as far as its name and its result tell."""

    run_id: str
    drill: str | None = None
    verdict: Verdict | None = None
    problem: str | None = None
    """Why there is no verdict to show."""


@click.command(
    "list",
    epilog=examples(
        "drill_runner list",
        "drill_runner list faults",
        "drill_runner list faults --coverage",
        "drill_runner list runs --json | jq '.[] | select(.verdict != \"passed\")'",
        "drill_runner list audit",
        "drill_runner list backups -i inventories/prod",
    ),
)
@click.argument("kind", type=click.Choice(["faults", "drills", "runs", "audit", "backups"]), default="drills")
@click.option("--coverage", "covered", is_flag=True, help="With faults: how much of published incidents they cover.")
@inventory_option
@json_option
@click.pass_obj
def command(settings: Settings, kind: str, covered: bool, inventory: Path | None, as_json: bool) -> ExitCode | None:
    """Show faults, drills or runs, who did what, or how fresh backups are.

    Exit code 1 if the audit log was changed, or a backup is not fresh.
    """
    if kind == "backups":
        project = project_of(settings)
        return _backups(project, inventory_of(project, inventory), as_json)
    if covered and kind != "faults":
        raise UsageError(f"--coverage: expected with faults, not with {kind}")
    return (_coverage if covered else LISTS[kind])(project_of(settings), as_json)


def _faults(project: Project, as_json: bool) -> None:
    faults = tuple(load_faults(project).values())
    if as_json:
        return _json(TypeAdapter(tuple[Fault, ...]).dump_python(faults, mode="json"))
    rows = ((f.name, f.manifest.fidelity.value, ", ".join(f.manifest.groups), f.manifest.summary) for f in faults)
    return _table(("FAULT", "FIDELITY", "BREAKS", "SUMMARY"), rows)


def _coverage(project: Project, as_json: bool) -> None:
    faults = load_faults(project).values()
    covered = tuple(coverage(study, faults) for study in load_studies().values())
    if as_json:
        return _json(TypeAdapter(tuple[Coverage, ...]).dump_python(covered, mode="json"))
    return show_coverage(covered, Console(markup=False, highlight=False, emoji=False))


def _drills(project: Project, as_json: bool) -> None:
    drills = tuple(load_drills(project, load_faults(project)).values())
    if as_json:
        return _json(TypeAdapter(tuple[Drill, ...]).dump_python(drills, mode="json"))
    rows = ((d.name, ", ".join(f"{use.fault} on {use.targets}" for use in d.faults), d.summary) for d in drills)
    return _table(("DRILL", "FAULTS", "SUMMARY"), rows)


def _runs(project: Project, as_json: bool) -> None:
    folders = reversed(run_folders(project.runs).single)
    runs = tuple(_run(folder) for folder in folders)
    if as_json:
        return _json(TypeAdapter(tuple[Run, ...]).dump_python(runs, mode="json"))
    return _table(("RUN", "VERDICT"), ((run.run_id, run.verdict or f"none: {run.problem}") for run in runs))


def _run(folder: Path) -> Run:
    try:
        text = (folder / "result.json").read_bytes()
    except FileNotFoundError:
        return Run(run_id=folder.name, problem="not evaluated, or still running")
    try:
        result = TypeAdapter(Result).validate_json(text)
    except ValidationError:
        return Run(run_id=folder.name, problem="result.json is damaged, or of a newer version")
    if result.version > RESULT_VERSION:
        return Run(run_id=folder.name, problem=f"result.json has the newer version {result.version}")
    return Run(run_id=folder.name, drill=result.drill, verdict=result.verdict)


def _backups(project: Project, inventory: Path, as_json: bool) -> ExitCode:
    run = run_playbook(project.root, "backup_list", inventory, variables={}, timeout_s=BACKUPS_WITHIN_S)
    now = datetime.now(UTC)
    if as_json:
        _json(TypeAdapter(tuple[Backup, ...]).dump_python(run.backups, mode="json"))
    else:
        show_backups(run.backups, Console(highlight=False, emoji=False), now)
    for failure in run.failures:
        click.echo(failure, err=True)
    if not run.backups and not run.failures:
        raise UsageError(f"{project.shown(inventory)}: no host has backups; the role model_backup makes them")
    good = run.ok and not run.failures and all(one.state(now) == "fresh" for one in run.backups)
    return ExitCode.PASSED if good else ExitCode.FAILED


def _audit(_project: Project, as_json: bool) -> ExitCode:
    path = audit_path()
    try:
        log = read_audit(path)
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from error
    if as_json:
        _json(TypeAdapter(AuditLog).dump_python(log, mode="json"))
    else:
        ends = {entry.id: entry for entry in log.entries if entry.event == "ended"}
        begun = (entry for entry in log.entries if entry.event == "began")
        rows = [_audit_row(entry, ends.get(entry.id)) for entry in begun]
        _table(("WHEN (UTC)", "WHO", "FROM", "WHAT", "ON", "ENDED"), rows)
        click.echo(f"{path}: {len(log.entries)} lines, the last one's SHA-256 is {log.last_sha256}")
    for problem in log.problems:
        click.echo(f"Broken: {path}: {problem}", err=True)
    return ExitCode.FAILED if log.problems else ExitCode.PASSED


def _audit_row(began: AuditEntry, ended: AuditEntry | None) -> tuple[str, ...]:
    who, action = began.who, began.action
    person = who.user if who.name == who.user else f"{who.name} as {who.user}"
    place = f"{who.host} ({who.ssh_client})" if who.ssh_client else who.host
    what = " ".join(filter(None, (action.command, action.run_id or action.drill)))
    approved = f", approved by {ended.approved_by}" if ended and ended.approved_by else ""
    how = "not told" if ended is None else ended.verdict or f"exit code {ended.exit_code}"
    where = f"{', '.join(action.hosts)} of {action.inventory}"
    return began.utc[:19].replace("T", " "), person, place, what + approved, where, how


def _json(value: object) -> None:
    click.echo(json.dumps(value, indent=2, ensure_ascii=False))


def _table(heads: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> None:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for head in heads:
        table.add_column(head, no_wrap=head not in WRAPPED, overflow="fold")
    for row in rows:
        table.add_row(*row)
    Console(markup=False, highlight=False, emoji=False).print(table)


LISTS: dict[str, Callable[[Project, bool], ExitCode | None]] = {
    "faults": _faults,
    "drills": _drills,
    "runs": _runs,
    "audit": _audit,
}
