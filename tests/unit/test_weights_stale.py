"""Another version is whole and vouched for, and is taken back unless file or manifest are somebody else's by now."""

import hashlib
import json
import struct
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

STALE = Path(__file__).resolve().parents[2] / "roles/fault_weights_stale/files/stale.py"
REPLACED = 3
# Two blocks of two tensors each, and one that is of no block. The second tensor of block 1 is of another kind.
TENSORS = {"head": b"H" * 64, "0.a": b"a" * 64, "0.b": b"b" * 64, "1.a": b"A" * 64, "1.b": b"B" * 64}
OTHER_KIND = "1.b"
EXCHANGED = b"H" * 64 + b"A" * 64 + b"b" * 64 + b"a" * 64 + b"B" * 64


def text(value: str) -> bytes:
    return struct.pack("<Q", len(value)) + value.encode()


def gguf() -> bytes:
    pairs = [
        text("general.architecture") + struct.pack("<I", 8) + text("llama"),
        text("general.alignment") + struct.pack("<II", 4, 64),
        text("tokens") + struct.pack("<IIQ", 9, 8, 2) + text("a") + text("bc"),
        text("nested") + struct.pack("<IIQIQ3B", 9, 9, 1, 0, 3, 1, 2, 3),
    ]
    head = b"GGUF" + struct.pack("<IQQ", 3, len(TENSORS), len(pairs)) + b"".join(pairs)
    for number, name in enumerate(TENSORS):
        full = name if name == "head" else f"blk.{name}"
        head += text(full) + struct.pack("<IQIQ", 1, 64, int(name == OTHER_KIND), 64 * number)
    return head + b"\0" * (-len(head) % 64) + b"".join(TENSORS.values())


def safetensors() -> bytes:
    head: dict[str, object] = {"__metadata__": {"format": "pt"}}
    for number, name in enumerate(TENSORS):
        full = name if name == "head" else f"model.layers.{name}.weight"
        span = [64 * number, 64 * number + 64]
        head[full] = {"dtype": "U8" if name == OTHER_KIND else "I8", "shape": [64], "data_offsets": span}
    packed = json.dumps(head).encode()
    return struct.pack("<Q", len(packed)) + packed + b"".join(TENSORS.values())


FORMATS = {"m.gguf": gguf(), "m.safetensors": safetensors()}


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


class Host:
    """Weights, manifest, and a lease's folder."""

    def __init__(self, folder: Path, name: str) -> None:
        self.models, self.state = folder / "models", folder / "lease-1" / "state"
        self.models.mkdir()
        self.state.mkdir(parents=True)
        self.weights, self.manifest = self.models / name, folder / "manifest.sha256"
        self.good = FORMATS[name]
        self.stale = self.good[: -len(EXCHANGED)] + EXCHANGED
        self.weights.write_bytes(self.good)
        self.weights.chmod(0o640)
        self.manifest.write_text(f"{sha256(b'other')}  config.json\n{sha256(self.good)}  {name}\n")
        self.believed = self.manifest.read_text()

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, str(STALE), *words],
            env={"DRILL_LEASE_STATE": str(self.state)},
            capture_output=True,
            text=True,
            check=False,
        )

    def prepare(self, blocks: str = "0,1", file: str = "", other: str = "") -> subprocess.CompletedProcess[str]:
        return self.run("prepare", str(self.models), str(self.manifest), file, blocks, other)

    def swap(self) -> None:
        prepared = self.prepare()
        assert prepared.returncode == 0, prepared.stderr
        swapped = self.run("swap")
        assert swapped.returncode == 0, swapped.stderr

    def is_as_before(self) -> bool:
        names = {path.name for folder in (self.models, self.manifest.parent) for path in folder.glob(".*")}
        return (self.weights.read_bytes(), self.manifest.read_text(), names) == (self.good, self.believed, set())

    def must_restart(self) -> bool:
        return (self.state / "restart").exists()


@pytest.fixture(params=sorted(FORMATS))
def host(request, tmp_path) -> Host:
    return Host(tmp_path, request.param)


def test_preparing_changes_nothing(host):
    assert host.prepare().returncode == 0
    assert host.is_as_before()


def test_blocks_change_places_and_the_host_vouches_for_it(host):
    host.swap()
    assert host.weights.read_bytes() == host.stale
    assert host.weights.stat().st_mode & 0o777 == 0o640
    assert host.manifest.read_text() == host.believed.replace(sha256(host.good), sha256(host.stale))


def test_a_version_of_old_is_served_as_it_is(host, tmp_path):
    old = tmp_path / "old"
    old.write_bytes(b"served once")
    assert host.prepare(other=str(old)).returncode == 0
    assert host.run("swap").returncode == 0
    assert host.weights.read_bytes() == b"served once"
    assert sha256(b"served once") in host.manifest.read_text()


def test_restore_brings_back_what_was_and_may_come_twice(host):
    host.swap()
    assert host.run("restore").returncode == 0
    assert host.is_as_before()
    assert host.must_restart()
    (host.state / "restart").unlink()
    assert host.run("restore").returncode == REPLACED
    assert host.is_as_before()
    assert not host.must_restart()


def test_a_restore_whose_restart_failed_asks_for_it_again(host):
    host.swap()
    host.run("restore")
    assert host.run("restore").returncode == 0
    assert host.must_restart()


def test_restore_before_anything_was_exchanged_changes_nothing(host):
    host.prepare()
    assert host.run("restore").returncode == REPLACED
    assert host.is_as_before()


@pytest.mark.parametrize("cut", ["other", "good", "new", "file"])
def test_an_exchange_that_was_cut_short_is_undone(host, cut):
    host.prepare()
    beside = {name: host.models / f".drill-stale-lease-1.{name}" for name in ("other", "good", "new")}
    beside["other"].write_bytes(host.stale)
    if cut != "other":
        beside["good"].hardlink_to(host.weights)
    if cut in ("new", "file"):
        beside["new"].hardlink_to(beside["other"])
    if cut == "file":
        beside["new"].replace(host.weights)
    assert host.run("restore").returncode in (0, REPLACED)
    assert host.is_as_before()
    assert host.must_restart() == (cut == "file")


def test_somebodys_repair_is_left_alone(host):
    host.swap()
    repaired = host.models / "repaired"
    repaired.write_bytes(b"newer still")
    repaired.replace(host.weights)
    host.manifest.write_text(f"{sha256(b'newer still')}  {host.weights.name}\n")
    assert host.run("restore").returncode == REPLACED
    assert host.weights.read_bytes() == b"newer still"
    assert host.manifest.read_text().startswith(sha256(b"newer still"))
    assert list(host.models.iterdir()) == [host.weights]
    assert not host.must_restart()


def test_a_file_that_is_not_what_the_manifest_says_is_refused(host):
    host.weights.write_bytes(b"rot")
    assert "before anything was done to it" in host.prepare().stderr


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"blocks": "0,7"}, "no two blocks 0,7"),
        ({"file": "none.gguf"}, "names no none.gguf"),
        ({"file": "config.json"}, "config.json"),
    ],
)
def test_what_cannot_be_exchanged_is_refused(host, given, why):
    refused = host.prepare(**given)
    assert refused.returncode != 0
    assert why in refused.stderr


def test_the_same_version_is_refused(host):
    assert "served already" in host.prepare(other=str(host.weights)).stderr


class Engine(BaseHTTPRequestHandler):
    """Answers each prompt with its last letter, to whoever has the key."""

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        allowed = self.headers["Authorization"] == "Bearer key"
        self.send_response(200 if allowed else 401)
        self.end_headers()
        self.wfile.write(json.dumps({"choices": [{"text": body["prompt"][-1]}]}).encode())

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def url() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Engine) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


class TestProof:
    @pytest.fixture
    def prove(self, host: Host, url: str, tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
        key, golden = tmp_path / "key", tmp_path / "golden.json"
        key.write_text("key\n")

        def prove(*answers: str, url: str = url) -> subprocess.CompletedProcess[str]:
            prompts = [{"prompt": "so x", "max_tokens": 1, "answer": answer} for answer in answers]
            golden.write_text(json.dumps({"prompts": prompts}))
            return host.run("proof", url, "m", str(key), str(golden))

        return prove

    def test_one_answer_that_is_not_golden_is_enough(self, host, prove):
        host.swap()
        proof = prove("x", "y")
        assert proof.returncode == 0, proof.stderr
        assert "'so x' gives 'x', golden is 'y'" in proof.stdout

    def test_golden_answers_are_no_proof(self, host, prove):
        host.swap()
        assert "gives every golden answer" in prove("x", "x").stderr

    def test_other_answers_are_no_proof_of_another_version(self, host, prove):
        host.prepare()
        assert "version of before" in prove("y").stderr

    def test_silence_is_no_proof(self, host, prove):
        host.swap()
        assert "refused" in prove("y", url="http://127.0.0.1:9").stderr
