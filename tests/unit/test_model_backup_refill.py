"""Making a repository anew from its second copy. Its restic is simulated: it keeps what it was asked."""

import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from model_backup import errors, refill, repository, second, settings

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

    def run(self, *arguments: str, extra: Mapping[str, str] | None = None) -> str:
        self.asked.append(arguments)
        source = {"RESTIC_FROM_REPOSITORY": SECOND["RESTIC_REPOSITORY"], "RESTIC_FROM_PASSWORD": "two"}
        assert extra == (None if arguments[0] == "cat" else source)
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
        (False, [("copy",), ("cat", "config"), ("init", "--copy-chunker-params"), ("copy",)]),
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


class Together(Restic):
    """One that is not there for two clients at once; a server that only takes additions lets one make it."""

    def __init__(self) -> None:
        super().__init__(exists=False)
        self.both_asked = threading.Barrier(2)

    def run(self, *arguments: str, extra: Mapping[str, str] | None = None) -> str:
        if arguments[0] == "copy" and not self.exists:
            self.both_asked.wait(timeout=10)
        if arguments[0] == "init" and self.exists:
            raise errors.BackupError("403 Forbidden")
        try:
            return super().run(*arguments, extra=extra)
        finally:
            if arguments[0] != "init":
                time.sleep(0.05)  # the other has time to do the same


def test_two_kinds_that_are_copied_for_the_first_time_at_once_make_one_repository(tmp_path: Path) -> None:
    restic, said = Together(), known(tmp_path, SECOND)
    with ThreadPoolExecutor(2) as pool:
        copies = [
            pool.submit(repository.fill, said, restic, second.as_source(settings.Repository(SECOND)), snapshot)  # type: ignore[arg-type]
            for snapshot in ("a", "b")
        ]
        for copy in copies:
            copy.result()
    began = restic.asked.index(("init", "--copy-chunker-params"))
    assert sorted(one for one in restic.asked[began + 1 :] if one[0] != "cat") == [("copy", "a"), ("copy", "b")]


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
