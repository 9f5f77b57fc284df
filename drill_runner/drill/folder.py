"""Where a run leaves what it leaves: a folder of its own, one run at a time."""

import fcntl
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import TypeAdapter

from drill_runner.errors import UsageError
from drill_runner.evaluate.history import EVIDENCE
from drill_runner.model.evidence import HostEvidence
from drill_runner.model.plan import AnyPlan
from drill_runner.report import write_atomically

PLAN: TypeAdapter[AnyPlan] = TypeAdapter(AnyPlan)
HOST: TypeAdapter[HostEvidence] = TypeAdapter(HostEvidence)


@contextmanager
def only_one(runs: Path) -> Iterator[None]:
    """Inside, no other drill of `runs` is under way; UsageError if there is one, or `runs` cannot be written."""
    try:
        runs.mkdir(parents=True, exist_ok=True)
        lock = os.open(runs / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise UsageError(f"{runs}: cannot be written: {error.strerror}") from error
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise UsageError(f"{runs}: another drill is under way; expected one at a time") from error
        yield
    finally:
        os.close(lock)


def new_folder(folder: Path, plan: AnyPlan) -> Path:
    """Make `folder`, with the plan in it; UsageError if something is there already."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise UsageError(f"{folder}: expected an empty folder, or none: two runs are never mixed")
        (folder / "plan.json").write_bytes(PLAN.dump_json(plan, indent=2) + b"\n")
    except OSError as error:
        raise UsageError(f"{folder}: cannot be written: {error.strerror}") from error
    return folder


def keep_evidence(folder: Path, told: Iterable[HostEvidence]) -> None:
    """Write what the hosts said; OSError if it cannot be kept, and then nothing of it is there."""
    lines = "".join(HOST.dump_json(one).decode() + "\n" for one in sorted(told, key=lambda one: one.host))
    if lines:
        write_atomically(folder / EVIDENCE, lines)
