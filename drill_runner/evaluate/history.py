"""A run folder read back: what is readable is kept, what is not is listed, and another version is refused."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from junitparser import JUnitXml, JUnitXmlError
from pydantic import TypeAdapter, ValidationError

from drill_runner.errors import UsageError
from drill_runner.evaluate.versioned import json_object, stated_version
from drill_runner.model.base import OLDEST_RUN_VERSION, RUN_VERSION, T, data
from drill_runner.model.evidence import HostEvidence
from drill_runner.model.plan import AnyPlan, Plan, Watch
from drill_runner.model.record import CheckFinished, EvidenceCollected, Record
from drill_runner.model.sample import Sample

PLAN, JOURNAL, SAMPLES = "plan.json", "journal.jsonl", "samples.jsonl"
EVIDENCE, CHECKS = "evidence.jsonl", "checks-{}.xml"
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
    samples = tuple(_lines(folder / SAMPLES, _SAMPLE, problems))
    _look_at_checks(folder, records, problems)
    return History(
        folder=folder.resolve().name,
        plan=plan,
        records=records,
        samples=samples,
        evidence=tuple(_evidence(folder / EVIDENCE, records, problems)),
        problems=tuple(problems),
    )


def _evidence(path: Path, records: Sequence[Record], problems: list[str]) -> Iterator[HostEvidence]:
    """A line of every host that the journal says has answered."""
    answered = {host for one in records if isinstance(one, EvidenceCollected) for host in one.hosts}
    for line in _lines(path, _HOST, problems) if answered else ():
        answered.discard(line.host)
        yield line
    if not any(problem.startswith(path.name) for problem in problems):
        problems += [f"{path.name} has no line of {host}, which had answered" for host in sorted(answered)]


def _look_at_checks(folder: Path, records: Sequence[Record], problems: list[str]) -> None:
    """The journal has their results; what proves them must be there all the same, and whole."""
    told = {one.phase for one in records if isinstance(one, CheckFinished) and one.outcome != "broken"}
    for path in (folder / CHECKS.format(phase) for phase in sorted(told)):
        try:
            JUnitXml.fromstring(path.read_bytes())
        except OSError as error:
            problems.append(f"{path.name} cannot be read: {error.strerror}")
        except (SyntaxError, JUnitXmlError):  # SyntaxError: what XML parsers raise
            problems.append(f"{path.name} is cut off, or damaged")


def _plan(path: Path, problems: list[str]) -> AnyPlan | None:
    content = _content(path, problems)
    if content is None:
        return None
    try:
        return _readable(path, content, _WATCH) if _kind(content) == "watch" else _readable(path, content, _PLAN)
    except ValidationError as error:
        whole = json_object(content) is not None
        doubt = "is damaged, or of another unreleased layout" if whole else "cannot be read"
        problems.append(f"{path.name} {doubt}: {_first(error)}")
        return None


def _kind(content: bytes) -> object:
    """What a plan says that it is; a drill's says nothing."""
    return (json_object(content) or {}).get("kind")


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
        _refuse_another(path, stated_version(content))  # its keys need not be known here, which is no damage
        raise
    _refuse_another(path, getattr(made, "version", None))
    return made


def _refuse_another(path: Path, version: int | None) -> None:
    if version is not None and not OLDEST_RUN_VERSION <= version <= RUN_VERSION:
        raise UsageError(f"{path}: {_another(path.parent, version)}")


def _another(folder: Path, version: int) -> str:
    """What can be told of a folder that cannot be judged here."""
    age = "a newer" if version > RUN_VERSION else "an older"
    reads = str(RUN_VERSION) if RUN_VERSION == OLDEST_RUN_VERSION else f"{OLDEST_RUN_VERSION} to {RUN_VERSION}"
    report = folder / "report.html"
    seen = f"; what that one made of it is in {report}" if report.exists() else ""
    return (
        f"written by {age} version of this program{_writer(folder / JOURNAL)}, in run format {version}; this one reads "
        f"{reads}. Judge it with the version that wrote it{seen}"
    )


def _writer(journal: Path) -> str:
    """Which version that was, if the journal's first line says so."""
    try:
        first = journal.read_bytes().partition(b"\n")[0]
    except OSError:
        return ""
    versions = (json_object(first) or {}).get("versions")
    known = versions.get("drill_runner") if isinstance(versions, dict) else None
    return f", {known}" if isinstance(known, str) else ""


def _first(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False)[0]
    if first["type"] == "union_tag_invalid":  # else it would list every kind that there is
        return f"it is of the kind {first['ctx']['tag']!r}, which is not known here"
    return ": ".join([*(str(part) for part in first["loc"]), first["msg"]])
