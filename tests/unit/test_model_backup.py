"""The backup program: what it refuses, what it says, and what it leaves when it is stopped. Real restic: molecule."""

import hashlib
import importlib.util
import json
import socket
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType

import pytest

PROGRAM = Path(__file__).parents[2] / "roles/model_backup/files/model_backup.py"
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("model_backup", PROGRAM)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["model_backup"] = module
    spec.loader.exec_module(module)
    return module


mb = load()


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A host's folders, with two right files of weights."""
    for folder in ("models/adapters", "etc", "state"):
        (tmp_path / folder).mkdir(parents=True)
    weights = {"model.gguf": b"weights", "adapters/a.gguf": b"adapter"}
    lines = []
    for name, content in weights.items():
        (tmp_path / "models" / name).write_bytes(content)
        lines.append(f"{hashlib.sha256(content).hexdigest()}  {name}\n")
    (tmp_path / "etc/manifest.sha256").write_text("".join(lines))
    return tmp_path


@pytest.fixture(autouse=True)
def environment(site: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    values = {
        "MODEL_BACKUP_MODELS_DIR": str(site / "models"),
        "MODEL_BACKUP_MANIFEST": str(site / "etc/manifest.sha256"),
        "MODEL_BACKUP_PATHS": str(site / "etc"),
        "MODEL_BACKUP_STATE_DIR": str(site / "state"),
        "MODEL_BACKUP_RPO_S": "3600",
        "RESTIC_HOST": "gpu1",
        "RESTIC_REPOSITORY": f"rest:http://127.0.0.1:{free_port()}/gpu1/",
    }
    for key, value in values.items():
        monkeypatch.setenv(key, value)
    return values


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def status(site: Path) -> dict[str, object]:
    return dict(json.loads((site / "state/status.json").read_text()))


def test_right_weights_are_found_right(site: Path) -> None:
    manifest = mb.read_manifest(site / "etc/manifest.sha256")
    assert list(manifest) == ["model.gguf", "adapters/a.gguf"]
    assert mb.wrong_files(site / "models", manifest) == []


@pytest.mark.parametrize("byte", range(7))
@pytest.mark.parametrize("bit", [0, 3, 7])
def test_every_flipped_bit_is_found(site: Path, byte: int, bit: int) -> None:
    path = site / "models/model.gguf"
    content = bytearray(path.read_bytes())
    content[byte] ^= 1 << bit
    path.write_bytes(content)
    assert mb.wrong_files(site / "models", mb.read_manifest(site / "etc/manifest.sha256")) == ["model.gguf"]


def test_missing_truncated_and_unreadable_files_are_wrong(site: Path) -> None:
    manifest = mb.read_manifest(site / "etc/manifest.sha256")
    (site / "models/model.gguf").write_bytes(b"weight")
    (site / "models/adapters/a.gguf").unlink()
    (site / "models/adapters/a.gguf").mkdir()
    assert mb.wrong_files(site / "models", manifest) == ["model.gguf", "adapters/a.gguf"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is not a list of SHA-256 digests"),
        ("abc  model.gguf\n", "is not a list of SHA-256 digests"),
        (f"{'0' * 64}\n", "is not a list of SHA-256 digests"),
        (f"{'0' * 64}  ../etc/passwd\n", "names files outside the folder of the models: ['../etc/passwd']"),
        (f"{'0' * 64}  /etc/passwd\n", "names files outside the folder of the models: ['/etc/passwd']"),
    ],
)
def test_bad_manifest(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "m").write_text(text)
    with pytest.raises(mb.BackupError) as error:
        mb.read_manifest(tmp_path / "m")
    assert str(error.value) == f"{tmp_path / 'm'} {message}"


def test_no_manifest_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(mb.BackupError, match="deploy llm_server first"):
        mb.read_manifest(tmp_path / "none")


def test_rotten_weights_are_not_archived(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (site / "models/model.gguf").write_bytes(b"rotten!")
    assert mb.main(["backup"]) == 1
    message = f"not archived: these weights do not match {site}/etc/manifest.sha256: model.gguf"
    assert capsys.readouterr().err == f"model-backup: {message}\n"
    assert status(site)["last_error"] == message


@pytest.mark.parametrize("make", [lambda _: None, Path.mkdir, lambda p: (p / "deep/er").mkdir(parents=True)])
def test_a_path_that_holds_nothing_is_refused(
    site: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], make: Callable[[Path], object]
) -> None:
    make(site / "void")
    monkeypatch.setenv("MODEL_BACKUP_PATHS", f"{site / 'etc'}:{site / 'void'}")
    assert mb.main(["backup"]) == 1
    assert f"{site / 'void'} holds nothing" in capsys.readouterr().err


def test_an_unreachable_repository_is_said_at_once_and_the_last_good_backup_kept(
    site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good = mb.Status(last_success_utc="2026-01-02T03:04:05Z", snapshot="abc", files=3, bytes=14, rpo_s=60)
    good.save(site / "state/status.json")
    assert mb.main(["backup"]) == 1
    assert "cannot be reached" in capsys.readouterr().err
    after = status(site)
    assert (after["last_success_utc"], after["snapshot"], after["rpo_s"]) == ("2026-01-02T03:04:05Z", "abc", 3600)
    assert "cannot be reached" in str(after["last_error"])


def test_a_missing_setting_is_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.delenv("MODEL_BACKUP_MANIFEST")
    assert mb.main(["backup"]) == 1
    assert "MODEL_BACKUP_MANIFEST is not set" in capsys.readouterr().err


def test_restore_leaves_right_weights_alone_and_removes_what_a_killed_one_left(
    site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    left = site / "models/.model-restore/half.gguf"
    left.parent.mkdir()
    left.write_bytes(b"half")
    assert mb.main(["restore"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["changed"], report["restored"]) == (False, [])
    assert not left.parent.exists()


def test_a_restore_that_fails_changes_nothing(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (site / "models/model.gguf").write_bytes(b"rotten!")
    assert mb.main(["restore"]) == 1
    assert "cannot be reached" in capsys.readouterr().err
    assert (site / "models/model.gguf").read_bytes() == b"rotten!"
    assert not (site / "models/.model-restore").exists()


def test_two_at_once_are_refused(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with mb.alone(site / "state/restore.lock"):
        assert mb.main(["restore"]) == 1
    assert capsys.readouterr().err == "model-backup: another restore is running\n"


def test_put_in_place_replaces_files_and_makes_folders(site: Path) -> None:
    draft = site / "models/.model-restore"
    (draft / "new").mkdir(parents=True)
    (draft / "model.gguf").write_bytes(b"right")
    (draft / "new/b.gguf").write_bytes(b"b")
    mb.put_in_place(draft, site / "models", {"model.gguf": "", "new/b.gguf": ""})
    assert (site / "models/model.gguf").read_bytes() == b"right"
    assert (site / "models/new/b.gguf").read_bytes() == b"b"


@pytest.mark.parametrize(("age_s", "fresh"), [(0, True), (3600, True), (3601, False), (-60, False)])
def test_fresh_is_within_the_rpo(environment: dict[str, str], age_s: int, fresh: bool) -> None:
    settings = mb.Settings.of(environment)
    made = (NOW - timedelta(seconds=age_s)).strftime("%Y-%m-%dT%H:%M:%SZ")
    kept = mb.Status(last_success_utc=made, manifest_sha256=mb.sha256(settings.manifest))
    assert (mb.why_not_fresh(kept, settings, NOW) is None) is fresh


def test_other_weights_are_not_covered_by_an_old_backup(environment: dict[str, str]) -> None:
    settings = mb.Settings.of(environment)
    kept = mb.Status(last_success_utc=NOW.strftime("%Y-%m-%dT%H:%M:%SZ"), manifest_sha256="of another manifest")
    assert mb.why_not_fresh(kept, settings, NOW) == "the weights were changed since the last backup"


@pytest.mark.parametrize("text", ["", "{", "[]", '{"last_succ'])
def test_a_status_that_cannot_be_read_counts_as_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "status.json").write_text(text)
    assert mb.Status.load(tmp_path / "status.json") == mb.Status()


def test_fresh_exits_3_when_a_backup_is_due(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        mb.main(["fresh"])
    assert end.value.code == 3
    assert capsys.readouterr().out == "there is no backup yet\n"


def test_a_status_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    before = mb.Status(last_success_utc="2026-01-02T03:04:05Z", snapshot="abc", files=1, bytes=2, duration_s=0.5)
    before.save(tmp_path / "status.json")
    assert mb.Status.load(tmp_path / "status.json") == before
    assert not list(tmp_path.glob(".*"))


@pytest.mark.parametrize(
    ("code", "stderr", "message"),
    [
        (12, '{"message_type":"exit_error","code":12,"message":"Fatal: wrong password"}', "the password does not open"),
        (11, "unable to create lock", "unable to create lock (the repository is locked by another client"),
        (
            1,
            '{"message_type":"exit_error","code":1,"message":"Fatal: 401\\nIs there a repository?"}',
            "restic backup: Fatal: 401",
        ),
        (1, "", "restic backup: exit code 1"),
    ],
)
def test_what_restic_says_reaches_the_operator(code: int, stderr: str, message: str) -> None:
    with pytest.raises(mb.BackupError) as error:
        mb.checked(subprocess.CompletedProcess([], code, "", stderr), "backup")
    assert message in str(error.value)
