"""Making a repository anew from its second copy. Its restic is simulated: it keeps what it was asked."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from model_backup import errors, refill, repository, settings

FIRST = {"RESTIC_REPOSITORY": "rest:https://near/gpu1/", "RESTIC_PASSWORD": "one"}
SECOND = {"RESTIC_REPOSITORY": "rest:https://far/gpu1/", "RESTIC_PASSWORD": "two"}


def known(tmp_path: Path, second: Mapping[str, str] | None) -> settings.Settings:
    return settings.Settings(
        host="gpu1",
        state_dir=tmp_path,
        models_dir=tmp_path,
        manifest=tmp_path / "manifest",
        kinds=(),
        fast_tier=False,
        chunk_bytes=settings.CHUNK_BYTES,
        verify_parts=1,
        metrics_dir=None,
        repository=settings.Repository(FIRST),
        second=settings.Repository(second) if second else None,
    )


class Restic:
    """A simulated repository, which may not be there yet."""

    def __init__(self, *, exists: bool) -> None:
        self.exists = exists
        self.asked: list[tuple[str, ...]] = []
        self.repository = settings.Repository(FIRST)

    def reach(self) -> None:
        pass

    def run(self, *arguments: str, extra: Mapping[str, str]) -> str:
        self.asked.append(arguments)
        assert extra == {"RESTIC_FROM_REPOSITORY": SECOND["RESTIC_REPOSITORY"], "RESTIC_FROM_PASSWORD": "two"}
        if not self.exists and arguments[0] != "init":
            raise errors.NoRepositoryError("nothing is there")
        self.exists = True
        return ""

    def objects(self, *_: str) -> list[Any]:
        return [["a", "b", "c"]]


@pytest.mark.parametrize(
    ("exists", "asked"),
    [
        (True, [("copy",)]),
        (False, [("copy",), ("init", "--copy-chunker-params"), ("copy",)]),
    ],
)
def test_what_is_lacking_comes_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, exists: bool, asked: list[tuple[str, ...]]
) -> None:
    restic = Restic(exists=exists)
    monkeypatch.setattr(refill, "Restic", lambda *_: restic)
    said = known(tmp_path, SECOND)
    assert refill.refill(said) == refill.Refilled(snapshots=3)
    assert restic.asked == asked
    assert repository.known(said, restic)  # type: ignore[arg-type]


def test_without_a_copy_it_says_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(errors.BackupError, match="set model_backup_copy_repository"):
        refill.refill(known(tmp_path, None))


@pytest.mark.parametrize(
    "said",
    [
        'Fatal: no matching ID found for prefix "1572e3b2"',
        "Fatal: failed to load snapshot 1572e3b2: <snapshot/1572e3b27e> does not exist",
    ],
)
def test_a_snapshot_that_is_gone_is_told_from_other_trouble(said: str) -> None:
    """After a refill the parent has another ID: the backup has to go on without it."""
    assert isinstance(errors.explained(1, said, "backup", "near"), errors.NoSnapshotError)
    assert not isinstance(
        errors.explained(1, "Fatal: <index/1572e3b27e> does not exist", "b", "n"), errors.NoSnapshotError
    )
