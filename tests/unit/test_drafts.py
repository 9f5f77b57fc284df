"""Writing chunks to their places: past the page cache where that goes, and the same bytes where it does not."""

import errno
import fcntl
import os
import random
from pathlib import Path

import pytest

from model_backup import drafts

PAGE = drafts.ALIGNED
SEED = 20261128
pwrite = os.pwrite


def content(size: int) -> memoryview:
    made = drafts.buffer(size)
    made[:] = random.Random(SEED).randbytes(size)  # noqa: S311
    return made


def is_direct(file: int) -> bool:
    return bool(fcntl.fcntl(file, fcntl.F_GETFL) & os.O_DIRECT)


def open_files() -> list[Path]:
    return sorted(Path("/proc/self/fd").iterdir())


@pytest.fixture
def direct(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """Offset and length of what was written past the page cache."""
    try:
        os.close(os.open(tmp_path / "probe", os.O_WRONLY | os.O_CREAT | os.O_DIRECT))
    except OSError:
        pytest.skip("temporary files are on a file system without O_DIRECT")
    seen: list[tuple[int, int]] = []

    def noted(file: int, part: memoryview, offset: int) -> int:
        count = pwrite(file, part, offset)
        if is_direct(file):
            seen.append((offset, count))
        return count

    monkeypatch.setattr(os, "pwrite", noted)
    return seen


def test_all_but_the_end_of_the_last_chunk_goes_past_the_page_cache(
    tmp_path: Path, direct: list[tuple[int, int]]
) -> None:
    weights = content(5 * PAGE + 100)
    with drafts.Draft(tmp_path / "draft") as draft:
        draft.write(weights[2 * PAGE :], 2 * PAGE)
        draft.write(weights[: 2 * PAGE], 0)
    assert (tmp_path / "draft").read_bytes() == weights
    assert direct == [(2 * PAGE, 3 * PAGE), (0, 2 * PAGE)]


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    weights = content(2 * PAGE)
    again = drafts.buffer(2 * PAGE)
    with drafts.Draft(tmp_path / "draft") as draft:
        draft.write(weights, 0)
        assert draft.read(again, 0)
        assert again == weights
        assert not draft.read(again, PAGE)


@pytest.mark.parametrize("size", [1, PAGE - 1, PAGE, PAGE + 1])
@pytest.mark.parametrize("offset", [0, 1, PAGE, 3 * PAGE + 7])
def test_any_place_and_size(tmp_path: Path, offset: int, size: int) -> None:
    weights = content(size)
    with drafts.Draft(tmp_path / "draft") as draft:
        draft.write(weights, offset)
    assert (tmp_path / "draft").read_bytes() == bytes(offset) + weights


def test_a_disk_that_asks_for_more_is_written_through_the_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refusing(file: int, part: memoryview, offset: int) -> int:
        if is_direct(file) and offset:
            raise OSError(errno.EINVAL, "larger sectors")
        return pwrite(file, part[:PAGE], offset)

    monkeypatch.setattr(os, "pwrite", refusing)
    weights = content(4 * PAGE)
    with drafts.Draft(tmp_path / "draft") as draft:
        draft.write(weights, 0)
    assert (tmp_path / "draft").read_bytes() == weights


@pytest.mark.usefixtures("direct")
def test_a_full_disk_is_not_hidden(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(file: int, part: memoryview, offset: int) -> int:
        if is_direct(file):
            raise OSError(errno.ENOSPC, "full")
        return pwrite(file, part, offset)

    with drafts.Draft(tmp_path / "draft") as draft:
        monkeypatch.setattr(os, "pwrite", full)
        with pytest.raises(OSError, match="full"):
            draft.write(content(PAGE), 0)


def test_a_file_system_without_it_is_written_through_the_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, direct: list[tuple[int, int]]
) -> None:
    opened = os.open

    def refusing(path: Path, flags: int, mode: int = 0o777) -> int:
        if flags & os.O_DIRECT:
            raise OSError(errno.EINVAL, "no O_DIRECT here")
        return opened(path, flags, mode)

    monkeypatch.setattr(os, "open", refusing)
    weights = content(2 * PAGE)
    with drafts.Draft(tmp_path / "draft") as draft:
        draft.write(weights, 0)
    assert (tmp_path / "draft").read_bytes() == weights
    assert direct == []


def test_nothing_stays_open(tmp_path: Path) -> None:
    before = open_files()
    with drafts.Draft(tmp_path / "draft") as draft:
        draft.write(content(PAGE), 0)
    assert open_files() == before


@pytest.mark.parametrize("size", [0, 1, PAGE + 1])
def test_a_buffer_can_be_had_whole_again(size: int) -> None:
    part = drafts.buffer(size)[: size // 2]
    assert len(memoryview(part.obj)) == max(size, 1)
