"""The fast tier: chunks arrive once, every wrong bit is found, and what an interrupted restore left is used."""

import hashlib
import random
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from model_backup import chunk_list, fast_tier, whole_digest
from model_backup.chunk_store import ChunkStore, beside
from model_backup.errors import ChunkError
from model_backup.settings import Repository, Settings
from tests.unit.rest_store import SimulatedStore, simulated_store

CHUNK = 1000
SIZE = 7500
SEED = 20261124


@pytest.fixture
def server() -> Iterator[SimulatedStore]:
    with simulated_store() as store:
        yield store


@pytest.fixture
def site(tmp_path: Path, server: SimulatedStore, quick: bool) -> Settings:  # noqa: ARG001 each test on both hosts
    (tmp_path / "models").mkdir()
    return Settings(
        host="gpu1",
        state_dir=tmp_path,
        models_dir=tmp_path / "models",
        manifest=tmp_path / "manifest.sha256",
        kinds=(),
        fast_tier=True,
        chunk_bytes=CHUNK,
        verify_parts=3,
        metrics_dir=None,
        repository=Repository({"RESTIC_REPOSITORY": server.repository, "RESTIC_REST_PASSWORD": "secret"}),
        second=None,
    )


@pytest.fixture(params=["sha256", "blake3"])
def quick(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> bool:
    """With and without `b3sum` on the host: its stand-in makes another digest of the same length."""
    program = tmp_path / "simulated-b3sum"
    quick = bool(request.param == "blake3")
    if quick:
        program.write_text(
            f"#!{sys.executable} -IS\nimport hashlib, sys\n"
            "print(hashlib.file_digest(sys.stdin.buffer, lambda: hashlib.blake2b(digest_size=32)).hexdigest(), ' -')\n"
        )
        program.chmod(0o755)
    monkeypatch.setattr(whole_digest, "PROGRAM", str(program))
    return quick


@pytest.fixture
def weights() -> bytes:
    return random.Random(SEED).randbytes(SIZE)  # noqa: S311


@pytest.fixture
def listed(site: Settings, weights: bytes) -> chunk_list.Chunked:
    """Weights that are in the fast tier, and no longer on the host."""
    digest = stored(site, "model.gguf", weights)
    (site.models_dir / "model.gguf").unlink()
    return chunk_list.kept(site.chunk_list)[digest]


def stored(site: Settings, name: str, content: bytes) -> str:
    (site.models_dir / name).write_bytes(content)
    digest = hashlib.sha256(content).hexdigest()
    fast_tier.store(site, {name: digest})
    return digest


def test_weights_come_back_as_they_were(
    site: Settings, listed: chunk_list.Chunked, weights: bytes, tmp_path: Path
) -> None:
    assert fast_tier.fetch(site, listed, tmp_path / "draft/model.gguf") == 0
    assert (tmp_path / "draft/model.gguf").read_bytes() == weights


@pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 20 * CHUNK])
def test_any_size_comes_back(site: Settings, weights: bytes, tmp_path: Path, size: int) -> None:
    content = (weights * 3)[:size]
    digest = stored(site, "model.gguf", content)
    fast_tier.fetch(site, chunk_list.kept(site.chunk_list)[digest], tmp_path / "draft")
    assert (tmp_path / "draft").read_bytes() == content


def test_a_chunk_is_named_by_its_digest_and_stored_once(site: Settings, server: SimulatedStore, weights: bytes) -> None:
    stored(site, "model.gguf", weights)
    chunks = [weights[at : at + CHUNK] for at in range(0, SIZE, CHUNK)]
    assert server.names() == sorted(hashlib.sha256(chunk).hexdigest() for chunk in chunks)
    before, list_before = len(server.asked), site.chunk_list.stat()
    stored(site, "model.gguf", weights)
    assert server.asked[before:] == ["GET /gpu1/chunks/data/"]
    assert site.chunk_list.stat() == list_before, "restic would read it again"


def test_other_weights_bring_only_what_is_new(site: Settings, server: SimulatedStore, weights: bytes) -> None:
    stored(site, "model.gguf", weights)
    before = len(server.names())
    stored(site, "model.gguf", weights[:-1] + b"!")
    assert len(server.names()) == before + 1
    assert len(chunk_list.kept(site.chunk_list)) == 1


def test_a_chunk_that_was_lost_is_stored_again(site: Settings, server: SimulatedStore, weights: bytes) -> None:
    stored(site, "model.gguf", weights)
    names = server.names()
    del server.blobs[next(iter(server.blobs))]
    stored(site, "model.gguf", weights)
    assert server.names() == names


def test_a_file_that_is_not_what_it_should_be_is_not_stored(site: Settings, server: SimulatedStore) -> None:
    (site.models_dir / "model.gguf").write_bytes(b"rotten")
    with pytest.raises(ChunkError, match="changed while it was read"):
        fast_tier.store(site, {"model.gguf": "0" * 64})
    assert server.names() == []


def test_a_full_store_is_said(site: Settings, server: SimulatedStore) -> None:
    server.full = True
    with pytest.raises(ChunkError, match="507"):
        stored(site, "model.gguf", b"weights")


def test_half_a_draft_is_used(
    site: Settings, server: SimulatedStore, listed: chunk_list.Chunked, weights: bytes, tmp_path: Path
) -> None:
    draft = tmp_path / "model.gguf"
    half = bytearray(weights[: SIZE // 2])
    half[1500] ^= 1  # and one chunk of it is wrong
    draft.write_bytes(half)
    before = len(server.asked)
    assert fast_tier.fetch(site, listed, draft) == 2 * CHUNK
    assert draft.read_bytes() == weights
    assert len(server.asked[before:]) == 8 - 2


def test_a_draft_that_is_too_long_is_cut(
    site: Settings, listed: chunk_list.Chunked, weights: bytes, tmp_path: Path
) -> None:
    draft = tmp_path / "model.gguf"
    draft.write_bytes(weights + b"of something else")
    assert fast_tier.fetch(site, listed, draft) == SIZE
    assert draft.read_bytes() == weights


@pytest.mark.parametrize("point", range(40))
def test_every_flipped_bit_of_a_chunk_is_found(
    site: Settings, server: SimulatedStore, listed: chunk_list.Chunked, tmp_path: Path, point: int
) -> None:
    dice = random.Random(SEED + point)  # noqa: S311
    name = dice.choice(server.names())
    server.flip(name, dice.randrange(8 * CHUNK))
    with pytest.raises(ChunkError, match="one of them is damaged"):
        fast_tier.fetch(site, listed, tmp_path / "draft")
    found = [fast_tier.damaged(site, part, 3) for part in (1, 2, 3)]
    assert sorted(found) == [[], [], [name]]


def test_what_is_missing_leaves_the_rest_of_the_draft_right(
    site: Settings, server: SimulatedStore, listed: chunk_list.Chunked, weights: bytes, tmp_path: Path
) -> None:
    lost = listed.chunks[3]
    del server.blobs[next(path for path in server.blobs if path.endswith(lost))]
    with pytest.raises(ChunkError):
        fast_tier.fetch(site, listed, tmp_path / "draft")
    draft = (tmp_path / "draft").read_bytes()
    assert draft[: 3 * CHUNK] + draft[4 * CHUNK :] == weights[: 3 * CHUNK] + weights[4 * CHUNK :]
    assert fast_tier.damaged(site, 1, 1) == [lost]


def test_a_list_that_lies_serves_nothing(site: Settings, listed: chunk_list.Chunked, tmp_path: Path) -> None:
    """Whoever can write to the repository can write a list of chunks: only the digest of the whole file decides."""
    lying = replace(listed, chunks=(listed.chunks[1], listed.chunks[0], *listed.chunks[2:]))
    with pytest.raises(ChunkError, match="one of them is damaged"):
        fast_tier.fetch(site, lying, tmp_path / "draft")


def test_a_store_that_is_gone_is_said(
    site: Settings, server: SimulatedStore, listed: chunk_list.Chunked, tmp_path: Path
) -> None:
    server.server_close()
    with pytest.raises(ChunkError, match="cannot be reached"):
        fast_tier.fetch(site, listed, tmp_path / "draft")


@pytest.mark.parametrize(("path", "store"), [("/gpu1/", "/gpu1/chunks/"), ("/gpu1/site/", "/gpu1/site-chunks/")])
def test_the_store_lies_where_the_server_takes_it(path: str, store: str) -> None:
    assert beside(path) == store


def test_another_kind_of_repository_has_no_fast_tier() -> None:
    with pytest.raises(ChunkError, match="needs a rest: repository"):
        ChunkStore(Repository({"RESTIC_REPOSITORY": "s3:https://s3.example.com/bucket"}))


def spent(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Note which digests of whole files are begun."""
    begun: list[str] = []
    for name in ("blake3", "sha256"):
        made = getattr(whole_digest, name)

        def noted(name: str = name, made: Callable[[], object] = made) -> object:
            begun.append(name)
            return made()

        monkeypatch.setattr(whole_digest, name, noted)
    return begun


def test_blake3_takes_the_place_of_sha256_on_the_host_that_made_both(
    site: Settings, listed: chunk_list.Chunked, quick: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = spent(monkeypatch)
    fast_tier.fetch(site, listed, tmp_path / "draft")
    assert begun == ["blake3" if quick else "sha256"]


def test_without_what_the_host_itself_made_the_manifest_decides(
    site: Settings, listed: chunk_list.Chunked, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a host that was rebuilt, whose list of chunks comes out of the archive."""
    site.blake3_list.unlink(missing_ok=True)
    begun = spent(monkeypatch)
    fast_tier.fetch(site, listed, tmp_path / "draft")
    assert begun == ["sha256"]


@pytest.mark.parametrize("quick", ["blake3"], indirect=True)
class TestBlake3:
    def test_what_belongs_together_stays_on_the_host(
        self, site: Settings, listed: chunk_list.Chunked, weights: bytes
    ) -> None:
        blake3 = hashlib.blake2b(weights, digest_size=32).hexdigest()
        assert whole_digest.kept(site.blake3_list) == {listed.sha256: blake3}
        assert site.blake3_list.stat().st_mode & 0o777 == 0o600
        assert blake3 not in site.chunk_list.read_text(), "that file is archived"

    def test_it_is_made_for_weights_that_were_in_the_fast_tier_before(
        self, site: Settings, listed: chunk_list.Chunked, weights: bytes
    ) -> None:
        site.blake3_list.unlink()
        stored(site, "model.gguf", weights)
        assert whole_digest.kept(site.blake3_list).keys() == {listed.sha256}

    def test_one_of_weights_that_are_gone_is_forgotten(self, site: Settings, listed: chunk_list.Chunked) -> None:
        digest = stored(site, "other.gguf", b"of another model")
        assert whole_digest.kept(site.blake3_list).keys() == {digest} != {listed.sha256}

    def test_one_that_rotted_costs_time_and_is_made_anew(
        self, site: Settings, listed: chunk_list.Chunked, weights: bytes, tmp_path: Path
    ) -> None:
        whole_digest.keep(site.blake3_list, {listed.sha256: "0" * 64})
        with pytest.raises(ChunkError, match="do not make draft"):
            fast_tier.fetch(site, listed, tmp_path / "draft")
        stored(site, "model.gguf", weights)
        fast_tier.fetch(site, listed, tmp_path / "draft")
        assert whole_digest.kept(site.blake3_list)[listed.sha256] != "0" * 64

    @pytest.mark.parametrize(
        "does",
        [
            "exit 0",
            "head -c 9 > /dev/null; exit 1",
            "cat > /dev/null; echo no -",
            "cat > /dev/null; printf %064d 0; exit 1",
        ],
    )
    def test_a_program_that_fails_brings_nothing_in_place(
        self, site: Settings, listed: chunk_list.Chunked, tmp_path: Path, does: str
    ) -> None:
        Path(whole_digest.PROGRAM).write_text(f"#!/bin/sh\n{does}\n")
        with pytest.raises(ChunkError, match=r"simulated-b3sum (ended early|failed)"):
            fast_tier.fetch(site, listed, tmp_path / "draft")

    def test_weights_that_changed_have_no_digest(self, site: Settings) -> None:
        (site.models_dir / "model.gguf").write_bytes(b"rotten")
        with pytest.raises(ChunkError, match="changed while it was read"):
            fast_tier.store(site, {"model.gguf": "0" * 64})
        assert whole_digest.kept(site.blake3_list) == {}


@pytest.mark.parametrize("text", ["", "[]", "{", "nothing"])
def test_a_list_of_digests_that_cannot_be_read_counts_as_nothing(tmp_path: Path, text: str) -> None:
    (tmp_path / "blake3.json").write_text(text)
    assert whole_digest.kept(tmp_path / "blake3.json") == {}
