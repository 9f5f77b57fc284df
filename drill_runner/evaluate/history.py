"""A run folder read back: what is readable is kept, what is not is listed, and a newer version is refused."""

import json
from collections.abc import Iterator
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from drill_runner.errors import UsageError
from drill_runner.model.base import RUN_VERSION, T, data
from drill_runner.model.evidence import HostEvidence
from drill_runner.model.plan import AnyPlan, Plan, Watch
from drill_runner.model.record import EvidenceCollected, Record
from drill_runner.model.sample import Sample

PLAN, JOURNAL, SAMPLES = "plan.json", "journal.jsonl", "samples.jsonl"
EVIDENCE = "evidence.jsonl"
LISTED_LINES = 3
"""So many unreadable lines of a file are named one by one."""

_PLAN: TypeAdapter[Plan] = TypeAdapter(Plan)
_WATCH: TypeAdapter[Watch] = TypeAdapter(Watch)
_RECORD: TypeAdapter[Record] = TypeAdapter(Record)
_SAMPLE: TypeAdapter[Sample] = TypeAdapter(Sample)
_HOST: TypeAdapter[HostEvidence] = TypeAdapter(HostEvidence)


@data
class History:
    """All that a run left for a judge, in the order in which it was written."""

    folder: str
    """The folder's own name, which is the run's if its plan cannot be read."""
    plan: AnyPlan | None
    records: tuple[Record, ...]
    samples: tuple[Sample, ...]
    evidence: tuple[HostEvidence, ...] = ()
    """What the hosts said; none where they were not asked, as in an older run."""
    problems: tuple[str, ...] = ()
    """What is missing or damaged, one sentence each; with any of them nothing can have passed."""


def read_run(folder: Path) -> History:
    """Read `folder`; UsageError if it is no run folder, or a newer version wrote it."""
    if not folder.is_dir():
        raise UsageError(f"{folder}: expected a run's folder, and there is none")
    if not any((folder / name).exists() for name in (PLAN, JOURNAL, SAMPLES)):
        raise UsageError(f"{folder}: not a run's folder: expected {PLAN}, {JOURNAL} and {SAMPLES} in it")
    problems: list[str] = []
    plan, records = _plan(folder / PLAN, problems), tuple(_lines(folder / JOURNAL, _RECORD, problems))
    told = any(isinstance(record, EvidenceCollected) and record.hosts for record in records)
    return History(
        folder=folder.resolve().name,
        plan=plan,
        records=records,
        samples=tuple(_lines(folder / SAMPLES, _SAMPLE, problems)),
        evidence=tuple(_lines(folder / EVIDENCE, _HOST, problems)) if told else (),
        problems=tuple(problems),
    )


def _plan(path: Path, problems: list[str]) -> AnyPlan | None:
    content = _content(path, problems)
    if content is None:
        return None
    try:
        return _readable(path, content, _WATCH) if _kind(content) == "watch" else _readable(path, content, _PLAN)
    except ValidationError as error:
        problems.append(f"{path.name} cannot be read: {_first(error)}")
        return None


def _kind(content: bytes) -> object:
    """What a plan says that it is; a drill's says nothing."""
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        return None
    return found.get("kind") if isinstance(found, dict) else None


def _lines(path: Path, adapter: TypeAdapter[T], problems: list[str]) -> Iterator[T]:
    content = _content(path, problems)
    unreadable = 0
    for number, line in enumerate((content or b"").splitlines(), start=1):
        try:
            yield _readable(path, line, adapter)
        except ValidationError as error:
            unreadable += 1
            if unreadable <= LISTED_LINES:
                problems.append(f"{path.name}: line {number} cannot be read: {_first(error)}")
    if unreadable > LISTED_LINES:
        problems.append(f"{path.name}: {unreadable} lines cannot be read in all")


def _content(path: Path, problems: list[str]) -> bytes | None:
    try:
        content = path.read_bytes()
    except OSError as error:
        problems.append(f"{path.name} cannot be read: {error.strerror}")
        return None
    if not content.endswith(b"\n"):
        problems.append(f"{path.name} is cut off: it does not end with a line's end")
    return content


def _readable(path: Path, content: bytes, adapter: TypeAdapter[T]) -> T:
    try:
        made = adapter.validate_json(content)
    except ValidationError:
        _refuse_newer(path, content)
        raise
    _refuse(path, getattr(made, "version", RUN_VERSION))
    return made


def _refuse_newer(path: Path, content: bytes) -> None:
    """A newer version's keys are unknown here, so its number is looked for before the rest is called damaged."""
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        return
    if isinstance(found, dict) and isinstance(found.get("version"), int):
        _refuse(path, found["version"])


def _refuse(path: Path, version: int) -> None:
    if version > RUN_VERSION:
        raise UsageError(
            f"{path}: written by a newer version of this program (run format {version}); "
            f"this one reads up to {RUN_VERSION}"
        )


def _first(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False)[0]
    return ": ".join([*(str(part) for part in first["loc"]), first["msg"]])
