"""Weights a second time, as plain chunks: what makes a restore as fast as the disk and the network are.

Backup uploads what the store lacks. Restore fetches chunks by several threads, each straight into its place in the
draft, while the whole file's digest is made in order from the same buffers: so the draft need not be read again, and
what counts is the manifest's digest, not what any list of chunks says (`whole_digest.py` has which digest). Chunks have
digests of their own for two uses: names that the server checks on arrival, and to find out which parts of an
interrupted draft are right.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING

from model_backup import chunk_list, drafts, whole_digest
from model_backup.chunk_store import ChunkStore, DamagedChunkError
from model_backup.errors import BackupError, ChunkError
from model_backup.files import replace_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from model_backup.chunk_list import Chunked
    from model_backup.restic import Restic
    from model_backup.settings import Settings

THREADS = 4
"""Transfers at a time: one cannot fill a fast network, and each has a chunk in memory."""


def store(settings: Settings, manifest: Mapping[str, str]) -> None:
    """Bring the fast tier up to date with weights that are right, and keep the list of their chunks."""
    files = _listed(settings, manifest)
    chunks = ChunkStore(settings.repository)
    there = chunks.sizes()
    lacking = {
        digest: (path, index * listed.chunk_bytes, listed.size(index))
        for path, listed in files.items()
        for index, digest in enumerate(listed.chunks)
        if there.get(digest) != listed.size(index)
    }
    with ThreadPoolExecutor(THREADS) as pool:
        for _ in pool.map(lambda item: _upload(chunks, item[0], *item[1]), lacking.items()):
            pass
    text = chunk_list.dumped(list(files.values()))
    if not settings.chunk_list.exists() or settings.chunk_list.read_text() != text:  # or restic reads it again
        replace_text(settings.chunk_list, text, 0o600)


def _listed(settings: Settings, manifest: Mapping[str, str]) -> dict[Path, Chunked]:
    """List the chunks of all files, reading those that are not known; keep what was learnt of their digests."""
    known, before = chunk_list.kept(settings.chunk_list), whole_digest.kept(settings.blake3_list)
    quick = whole_digest.available()
    files: dict[Path, Chunked] = {}
    pairs = {digest: before[digest] for digest in manifest.values() if digest in before}
    for name, digest in manifest.items():
        path = settings.models_dir / name
        if digest in known and (digest in pairs or not quick):
            files[path] = known[digest]
            continue
        with whole_digest.blake3() if quick else contextlib.nullcontext() as also:
            files[path] = chunk_list.split(path, settings.chunk_bytes, also)
            if files[path].sha256 != digest:
                raise ChunkError(f"{path} changed while it was read")
            if also:
                pairs[digest] = also.hexdigest()
    if pairs != before:
        whole_digest.keep(settings.blake3_list, pairs)
    return files


def _upload(chunks: ChunkStore, digest: str, path: Path, offset: int, size: int) -> None:
    buffer = memoryview(bytearray(size))
    with path.open("rb", buffering=0) as file:
        if drafts.read(file.fileno(), buffer, offset):
            chunks.put(digest, buffer)
            return
    raise ChunkError(f"{path} became shorter while it was read")


def lists(settings: Settings, restic: Restic, digests: set[str]) -> dict[str, Chunked]:
    """Find the chunks of files: in this host's own list, or in the one that was archived with the last backup."""
    known = chunk_list.kept(settings.chunk_list)
    if digests <= known.keys():
        return known
    with contextlib.suppress(BackupError):  # restic's restore will say what is wrong
        return chunk_list.parsed(restic.run("dump", *restic.mine("weights"), "latest", str(settings.chunk_list)))
    return known


def fetch(settings: Settings, listed: Chunked, path: Path) -> int:
    """Complete one file's draft and return how many of its bytes were right already, or raise ChunkError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with drafts.Draft(path) as draft:
        blake3 = whole_digest.kept(settings.blake3_list).get(listed.sha256) if whole_digest.available() else None
        resumed = 0
        with whole_digest.blake3() if blake3 else whole_digest.sha256() as whole:
            for buffer, was_there in _in_order(ChunkStore(settings.repository), listed, draft):
                whole.update(buffer)
                resumed += len(buffer) if was_there else 0
            found = whole.hexdigest()
        draft.cut(listed.bytes)
    if found != (blake3 or listed.sha256):
        if blake3:  # should it be this that rotted: the next backup makes it anew
            whole_digest.keep(settings.blake3_list, {})
        raise ChunkError(f"the fast tier's chunks do not make {path.name}: one of them is damaged")
    return resumed


def _in_order(chunks: ChunkStore, listed: Chunked, draft: drafts.Draft) -> Iterator[tuple[memoryview, bool]]:
    """Bring chunks into the draft, several at a time; yield them in order, and whether each was there already."""
    spare = [drafts.buffer(min(listed.chunk_bytes, listed.bytes)) for _ in range(THREADS + 1)]
    under_way: deque[Future[tuple[memoryview, bool]]] = deque()

    def one(index: int, buffer: memoryview) -> tuple[memoryview, bool]:
        offset, digest, part = index * listed.chunk_bytes, listed.chunks[index], buffer[: listed.size(index)]
        if offset + len(part) <= draft.size and draft.read(part, offset) and hashlib.sha256(part).hexdigest() == digest:
            return part, True
        with contextlib.suppress(DamagedChunkError):  # the digest of the whole file will tell, and restic fill the gap
            chunks.get(digest, part)
            draft.write(part, offset)
        return part, False

    with ThreadPoolExecutor(THREADS) as pool:
        try:
            for index in range(len(listed.chunks)):
                if not spare:
                    part, was_there = under_way.popleft().result()
                    yield part, was_there
                    spare.append(memoryview(part.obj))  # all of the buffer again
                under_way.append(pool.submit(one, index, spare.pop()))
            while under_way:
                yield under_way.popleft().result()
        finally:
            for future in under_way:
                future.cancel()


def damaged(settings: Settings, part: int, parts: int) -> list[str]:
    """Read one part of this host's chunks and list those that are not what their names say."""
    listed = chunk_list.kept(settings.chunk_list).values()
    wanted = {digest: item.size(index) for item in listed for index, digest in enumerate(item.chunks)}
    chunks = ChunkStore(settings.repository)

    def wrong(digest: str) -> bool:
        buffer = memoryview(bytearray(wanted[digest]))
        try:
            chunks.get(digest, buffer)
        except ChunkError:
            return True
        return hashlib.sha256(buffer).hexdigest() != digest

    asked = sorted(wanted)[part - 1 :: parts]
    with ThreadPoolExecutor(THREADS) as pool:
        return [digest for digest, bad in zip(asked, pool.map(wrong, asked), strict=True) if bad]
