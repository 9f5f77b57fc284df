"""Rot hits the tensors and nothing before them, and is taken back unless the file is somebody else's by now."""

import hashlib
import json
import struct
import subprocess
import sys
from pathlib import Path

import pytest

ROT = Path(__file__).resolve().parents[2] / "roles/fault_weights_corruption/files/rot.py"


def rot(state: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(ROT), *words],
        env={"DRILL_LEASE_STATE": str(state)},
        capture_output=True,
        text=True,
        check=False,
    )


def text(value: bytes) -> bytes:
    return struct.pack("<Q", len(value)) + value


def gguf(tensors: bytes) -> bytes:
    """A GGUF file with every shape of metadata, alignment 64, and one tensor."""
    pairs = [
        text(b"general.architecture") + struct.pack("<I", 8) + text(b"llama"),
        text(b"general.alignment") + struct.pack("<II", 4, 64),
        text(b"tokens") + struct.pack("<IIQ", 9, 8, 2) + text(b"a") + text(b"bc"),
        text(b"scores") + struct.pack("<IIQ2f", 9, 6, 2, 0.5, 1.5),
        text(b"nested") + struct.pack("<IIQIQ3B", 9, 9, 1, 0, 3, 1, 2, 3),
        text(b"flag") + struct.pack("<IB", 7, 1),
    ]
    head = b"GGUF" + struct.pack("<IQQ", 3, 1, len(pairs)) + b"".join(pairs)
    head += text(b"output.weight") + struct.pack("<IQQIQ", 2, 4, 4, 0, 0)
    return head + b"\0" * (-len(head) % 64) + tensors


def safetensors(tensors: bytes) -> bytes:
    head = json.dumps({"w": {"dtype": "U8", "shape": [len(tensors)], "data_offsets": [0, len(tensors)]}}).encode()
    return struct.pack("<Q", len(head)) + head + tensors


TENSORS = bytes(range(256)) * 4
FORMATS = {"model.gguf": gguf(TENSORS), "model.safetensors": safetensors(TENSORS)}


@pytest.fixture(params=sorted(FORMATS))
def weights(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = tmp_path / str(request.param)
    path.write_bytes(FORMATS[path.name])
    return path


def prepare(weights: Path, count: int = 1000, seed: int = 1, sha256: str = "") -> subprocess.CompletedProcess[str]:
    return rot(weights.parent, "prepare", str(weights), str(count), str(seed), sha256)


def changed(weights: Path) -> list[int]:
    good = FORMATS[weights.name]
    return [at for at, (now, then) in enumerate(zip(weights.read_bytes(), good, strict=True)) if now != then]


def test_preparing_changes_nothing(weights: Path) -> None:
    assert prepare(weights).returncode == 0
    assert changed(weights) == []


def test_all_bytes_asked_for_rot_and_none_before_the_tensors(weights: Path) -> None:
    prepare(weights, count=len(TENSORS))
    assert rot(weights.parent, "flip").returncode == 0
    size = len(FORMATS[weights.name])
    assert changed(weights) == list(range(size - len(TENSORS), size))


def test_the_seed_decides_which(weights: Path) -> None:
    found = []
    for seed in (1, 1, 2):
        weights.write_bytes(FORMATS[weights.name])
        prepare(weights, count=10, seed=seed)
        rot(weights.parent, "flip")
        found.append(changed(weights))
    assert found[0] == found[1] != found[2]
    assert [len(each) for each in found] == [10, 10, 10]


def test_restore_gives_the_same_bytes_however_often(weights: Path) -> None:
    prepare(weights)
    rot(weights.parent, "flip")
    assert len(changed(weights)) == 1000
    for _ in range(2):
        assert rot(weights.parent, "restore").returncode == 0
        assert changed(weights) == []


def test_restore_after_a_flip_that_was_cut_short(weights: Path) -> None:
    prepare(weights)
    rot(weights.parent, "flip")
    half = len(FORMATS[weights.name]) - 512
    weights.write_bytes(weights.read_bytes()[:half] + FORMATS[weights.name][half:])
    assert rot(weights.parent, "restore").returncode == 0
    assert changed(weights) == []


@pytest.mark.parametrize("other", [b"x" * 5000, b"", None])
def test_a_file_that_was_replaced_is_left_alone(weights: Path, other: bytes | None) -> None:
    prepare(weights)
    rot(weights.parent, "flip")
    weights.unlink()
    if other is not None:
        weights.write_bytes(other)
    assert rot(weights.parent, "restore").returncode == 3
    assert (weights.read_bytes() if weights.exists() else None) == other


def test_a_file_that_is_bad_already_is_refused(weights: Path) -> None:
    assert prepare(weights, sha256=hashlib.sha256(FORMATS[weights.name]).hexdigest()).returncode == 0
    refused = prepare(weights, sha256="0" * 64)
    assert refused.returncode == 1
    assert "before anything was done" in refused.stderr


@pytest.mark.parametrize("count", [0, -1, len(TENSORS) + 1])
def test_as_many_bytes_as_there_are(weights: Path, count: int) -> None:
    refused = prepare(weights, count=count)
    assert refused.returncode == 1
    assert f"between 1 and {len(TENSORS)}" in refused.stderr


def test_an_unknown_format_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.bin"
    path.write_bytes(b"PK" + TENSORS)
    refused = prepare(path)
    assert refused.returncode == 1
    assert "nothing is known of its layout" in refused.stderr


def test_no_proof_before_the_flip(weights: Path) -> None:
    prepare(weights)
    refused = rot(weights.parent, "proof", "http://127.0.0.1:9/health")
    assert refused.returncode == 1
    assert "0 of 1000 bytes" in refused.stderr


def test_no_proof_while_the_engine_is_silent(weights: Path) -> None:
    prepare(weights)
    rot(weights.parent, "flip")
    refused = rot(weights.parent, "proof", "http://127.0.0.1:9/health")
    assert refused.returncode == 1
    assert "127.0.0.1:9/health says" in refused.stderr
