"""Runs on disk: every folder of one run, those of repeated drills among them, and what a result file says."""

from collections.abc import Iterator
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from drill_runner.errors import UsageError
from drill_runner.evaluate.versioned import stated_version
from drill_runner.model.base import data
from drill_runner.model.result import RESULT_VERSION, Result

RESULT = "result.json"
SUMMARY = "summary.json"
LEFT_BY_A_RUN = ("plan.json", "journal.jsonl", "samples.jsonl", RESULT)
REPEATED = "*-x[0-9]*"
"""How the folder of a repeated drill is called."""

_RESULT = TypeAdapter(Result)


@data
class Runs:
    """What is in a project's folder for runs, the oldest first."""

    single: tuple[Path, ...]
    """Every run, those of repeated drills too."""
    repeated: tuple[Path, ...]
    top: tuple[Path, ...]
    """What stands in the folder itself: repeated drills, and runs that belong to none."""

    def named(self, name: str) -> Path | None:
        """The run, or repeated drill, of this name."""
        return next((path for path in (*self.single, *self.repeated) if path.name == name), None)


def run_folders(runs: Path) -> Runs:
    """Look into `runs`; there need not be such a folder."""
    folders = sorted(path for path in runs.glob("*") if path.is_dir() and not path.name.startswith("."))
    repeated = tuple(path for path in folders if is_repeated(path))
    inside = (path for folder in repeated for path in runs_of(folder))
    single = sorted((*(path for path in folders if path not in repeated), *inside), key=lambda path: path.name)
    return Runs(single=tuple(single), repeated=repeated, top=tuple(folders))


def is_repeated(folder: Path) -> bool:
    """Whether `folder` holds runs, and is none itself."""
    called = folder.match(REPEATED) or (folder / SUMMARY).exists()
    return called and not any((folder / name).exists() for name in LEFT_BY_A_RUN)


def runs_of(folder: Path) -> Iterator[Path]:
    """The runs of a repeated drill, the oldest first."""
    return (path for path in sorted(folder.glob("*")) if path.is_dir() and not path.name.startswith("."))


def read_result(path: Path) -> Result:
    """The result in `path`.

    Raises:
        UsageError: There is none, it is damaged, or a newer version wrote it.
    """
    again = f"`drill_runner evaluate {path.parent}` makes it"
    try:
        content = path.read_bytes()
        if (version := stated_version(content) or 0) > RESULT_VERSION:
            raise UsageError(f"{path}: expected version {RESULT_VERSION} or less, found {version}")
        return _RESULT.validate_json(content)
    except FileNotFoundError as error:
        raise UsageError(f"{path}: not there yet; {again}") from error
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from error
    except ValidationError as error:
        raise UsageError(f"{path}: damaged; {again} again") from error
