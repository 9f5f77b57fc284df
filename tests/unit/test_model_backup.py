"""The backup program: what it refuses, what it says, and what it leaves when it is stopped. Real restic: molecule."""

import hashlib
import json
import os
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from model_backup import (
    cli,
    errors,
    fresh,
    manifest,
    markers,
    metrics,
    repository,
    restore_paths,
    second,
    settings,
    status,
    statuses,
)
from model_backup.errors import BackupError
from model_backup.files import alone
from model_backup.restic import Restic, Server, server
from model_backup.restore_weights import _put_in_place
from model_backup.settings import Repository
from model_backup.verified import Verified, signature

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A host's folders, with two right files of weights."""
    for folder in ("models/adapters", "etc", "state", "conf"):
        (tmp_path / folder).mkdir(parents=True)
    weights = {"model.gguf": b"weights", "adapters/a.gguf": b"adapter"}
    lines = []
    for name, content in weights.items():
        (tmp_path / "models" / name).write_bytes(content)
        lines.append(f"{hashlib.sha256(content).hexdigest()}  {name}\n")
    (tmp_path / "manifest.sha256").write_text("".join(lines))
    (tmp_path / "etc/server.conf").write_text("port 8080")
    return tmp_path


def describe(site: Path, **changes: object) -> None:
    described = {
        "host": "gpu1",
        "state_dir": str(site / "state"),
        "models_dir": str(site / "models"),
        "manifest": str(site / "manifest.sha256"),
        "kinds": [
            {"name": "weights", "rpo_s": 3600},
            {"name": "configuration", "rpo_s": 60, "paths": [str(site / "etc")]},
        ],
        "fast_tier": False,
        "verify_parts": 3,
        "metrics_dir": None,
    }
    (site / "conf/settings.json").write_text(json.dumps(described | changes))


@pytest.fixture(autouse=True)
def configured(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for key in [key for key in os.environ if key.startswith(("RESTIC_", "MODEL_BACKUP_"))]:
        monkeypatch.delenv(key)
    monkeypatch.setenv("MODEL_BACKUP_CONF_DIR", str(site / "conf"))
    describe(site)
    (site / "conf/environment").write_text(
        "# of the test\n"
        f"RESTIC_REPOSITORY=rest:http://127.0.0.1:{free_port()}/gpu1/\n"
        "RESTIC_PASSWORD='it'\"'\"'s a secret'\nRESTIC_HOST=gpu1\n"
    )


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def kept(site: Path, kind: str = "weights") -> dict[str, Any]:
    return dict(json.loads((site / f"state/status/{kind}.json").read_text()))


# --- weights and their manifest


def test_right_weights_are_found_right(site: Path) -> None:
    wanted = manifest.read(site / "manifest.sha256")
    assert list(wanted) == ["model.gguf", "adapters/a.gguf"]
    assert manifest.wrong_files(site / "models", wanted) == []


@pytest.mark.parametrize("byte", range(7))
@pytest.mark.parametrize("bit", [0, 3, 7])
def test_every_flipped_bit_is_found(site: Path, byte: int, bit: int) -> None:
    path = site / "models/model.gguf"
    content = bytearray(path.read_bytes())
    content[byte] ^= 1 << bit
    path.write_bytes(content)
    assert manifest.wrong_files(site / "models", manifest.read(site / "manifest.sha256")) == ["model.gguf"]


def test_every_flipped_bit_of_the_manifest_is_found(site: Path) -> None:
    path = site / "manifest.sha256"
    right = path.read_bytes()
    unseen = []
    for bit in range(8 * len(right)):
        content = bytearray(right)
        content[bit // 8] ^= 1 << bit % 8
        path.write_bytes(content)
        try:
            if not manifest.wrong_files(site / "models", manifest.read(path)):
                unseen.append((bit, bytes(content)))
        except errors.BackupError:
            pass
    assert len(right) > 140
    assert unseen == []


def test_missing_truncated_and_unreadable_files_are_wrong(site: Path) -> None:
    wanted = manifest.read(site / "manifest.sha256")
    (site / "models/model.gguf").write_bytes(b"weight")
    (site / "models/adapters/a.gguf").unlink()
    (site / "models/adapters/a.gguf").mkdir()
    assert manifest.wrong_files(site / "models", wanted) == ["model.gguf", "adapters/a.gguf"]


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
    with pytest.raises(errors.BackupError) as error:
        manifest.read(tmp_path / "m")
    assert str(error.value) == f"{tmp_path / 'm'} {message}"


def test_no_manifest_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(errors.BackupError, match="deploy llm_server first"):
        manifest.read(tmp_path / "none")


def test_a_file_is_known_only_while_it_looks_as_it_did(site: Path) -> None:
    path, digest = site / "models/model.gguf", "d" * 64
    os.utime(path, ns=(0, 0))
    mark = signature(path)
    assert mark
    long_after = mark[-1] + 10_000_000_000
    Verified(site / "state/verified.json").keep({(path, digest): mark}, read_from_ns=long_after)
    known = Verified.load(site / "state/verified.json")
    assert known.holds(path, digest)
    assert not known.holds(path, "e" * 64)
    path.write_bytes(b"WEIGHTS")
    os.utime(path, ns=(0, 0))  # who sets the time of a file back does not set its ctime
    assert not known.holds(path, digest)


def test_a_file_that_was_written_just_before_it_was_read_is_read_again(site: Path) -> None:
    path = site / "models/model.gguf"
    mark = signature(path)
    assert mark
    verified = Verified(site / "state/verified.json")
    verified.keep({(path, "d" * 64): mark}, read_from_ns=mark[-1] + 1_000_000_000)
    assert not verified.holds(path, "d" * 64)


# --- what a backup refuses


def test_rotten_weights_are_not_archived(
    site: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("model_backup.restic.Restic.reach", lambda _: None)
    (site / "models/model.gguf").write_bytes(b"rotten!")
    assert cli.main(["backup", "weights"]) == 1
    message = f"not archived: these weights do not match {site}/manifest.sha256: model.gguf"
    assert capsys.readouterr().err == f"model-backup: {message}\n"
    assert kept(site)["last_error"] == message


@pytest.mark.parametrize("make", [lambda _: None, Path.mkdir, lambda p: (p / "deep/er").mkdir(parents=True)])
def test_a_path_that_holds_nothing_is_refused(
    site: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, make: Callable[[Path], object]
) -> None:
    monkeypatch.setattr("model_backup.restic.Restic.reach", lambda _: None)
    make(site / "void")
    describe(site, kinds=[{"name": "ledger", "rpo_s": 60, "paths": [str(site / "etc"), str(site / "void")]}])
    assert cli.main(["backup", "ledger"]) == 1
    assert f"{site / 'void'} holds nothing" in capsys.readouterr().err
    assert f"{site / 'void'} holds nothing" in kept(site, "ledger")["last_error"]


def test_a_kind_that_nobody_protects_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["backup", "secrets"]) == 1
    assert "secrets is not protected here; model_backup_kinds names: weights, configuration" in capsys.readouterr().err


def test_an_unreachable_repository_is_said_at_once_and_the_last_good_backup_kept(
    site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    known = settings.load()
    statuses.update(known, "weights", last_success_utc="2026-01-02T03:04:05Z", snapshot="abc", files=3, bytes=14)
    assert cli.main(["backup", "weights"]) == 1
    assert "cannot be reached" in capsys.readouterr().err
    after = kept(site)
    assert (after["last_success_utc"], after["snapshot"], after["rpo_s"]) == ("2026-01-02T03:04:05Z", "abc", 3600)
    assert "cannot be reached" in after["last_error"]
    assert after["last_run_utc"] > after["last_success_utc"]


def test_an_authority_that_is_gone_is_said_by_its_name(tmp_path: Path) -> None:
    gone = tmp_path / "ca.crt"
    with socket.create_server(("127.0.0.1", 0)) as store:
        where = f"rest:https://127.0.0.1:{store.getsockname()[1]}/gpu1/"
        there = Repository({"RESTIC_REPOSITORY": where, "RESTIC_CACERT": str(gone)})
        with pytest.raises(BackupError, match=f"^{gone}: no such file: "):
            Restic(there, "gpu1").reach()


@pytest.mark.parametrize(
    ("location", "found"),
    [
        ("rest:https://store1:8001/gpu1/", Server("store1", 8001, tls=True)),
        ("rest:http://store1/gpu1/", Server("store1", 8000, tls=False)),
        ("s3:http://10.0.0.7:9000/backups/gpu1", Server("10.0.0.7", 9000, tls=False, bucket="backups")),
        ("s3:https://s3.example.net/backups", Server("s3.example.net", 443, tls=True, bucket="backups")),
        ("s3:s3.amazonaws.com/backups/", Server("s3.amazonaws.com", 443, tls=True, bucket="backups")),
        ("sftp:ops@store2:/srv/sftp/gpu2", None),
        ("/srv/backup", None),
        ("rclone:far:backups", None),
    ],
)
def test_which_server_a_repository_is_behind(location: str, found: Server | None) -> None:
    assert server(location) == found


class SimulatedS3(BaseHTTPRequestHandler):
    """Has one bucket, and refuses strangers there."""

    def do_HEAD(self) -> None:
        self.send_response(403 if self.path == "/backups" else 404)
        self.end_headers()

    def log_message(self, *_: object) -> None: ...


@pytest.mark.parametrize(
    ("bucket", "said"), [("backups", None), ("elsewhere", "there is no bucket elsewhere at 127.0.0.1:")]
)
def test_a_bucket_that_is_not_there_is_said_at_once(bucket: str, said: str | None) -> None:
    with HTTPServer(("127.0.0.1", 0), SimulatedS3) as simulated, ThreadPoolExecutor(1) as pool:
        pool.submit(simulated.handle_request)
        location = f"s3:http://127.0.0.1:{simulated.server_port}/{bucket}/gpu1"
        restic = Restic(settings.Repository({"RESTIC_REPOSITORY": location}), "gpu1")
        if said is None:
            restic.reach()
        else:
            with pytest.raises(BackupError, match=said):
                restic.reach()


def test_a_missing_setting_is_named(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (site / "conf/environment").write_text("RESTIC_REPOSITORY=/somewhere\n")
    assert cli.main(["status"]) == 1
    assert "lacks RESTIC_PASSWORD: deploy model_backup again" in capsys.readouterr().err


def test_whoever_may_not_read_the_passwords_is_told(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (site / "conf/environment").unlink()
    assert cli.main(["status"]) == 1
    assert "run this as root" in capsys.readouterr().err


# --- settings


def test_passwords_are_read_as_a_shell_would() -> None:
    assert settings.load().repository.variables["RESTIC_PASSWORD"] == "it's a secret"


def test_the_second_repository_is_the_first_with_what_differs(site: Path) -> None:
    with (site / "conf/environment").open("a") as file:
        file.write(
            "MODEL_BACKUP_COPY_RESTIC_REPOSITORY=rest:https://far/gpu1/\nMODEL_BACKUP_COPY_RESTIC_PASSWORD=other\n"
        )
    known = settings.load()
    assert known.second
    assert known.second.location == "rest:https://far/gpu1/"
    assert known.second.variables["RESTIC_HOST"] == "gpu1"
    assert "MODEL_BACKUP_COPY_RESTIC_PASSWORD" not in known.repository.variables


def test_the_first_repositorys_login_goes_into_its_url_quoted() -> None:
    first = settings.Repository(
        {
            "RESTIC_REPOSITORY": "rest:https://near:8000/gpu1/",
            "RESTIC_PASSWORD": "key",
            "RESTIC_REST_USERNAME": "gpu1",
            "RESTIC_REST_PASSWORD": "p@ss/word",
        }
    )
    assert second.as_source(first) == {
        "RESTIC_FROM_REPOSITORY": "rest:https://gpu1:p%40ss%2Fword@near:8000/gpu1/",
        "RESTIC_FROM_PASSWORD": "key",
    }


# --- restore


def test_restore_leaves_right_weights_alone_and_removes_what_a_killed_one_left(
    site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    left = site / "models/.model-restore/0123/half.gguf"
    left.parent.mkdir(parents=True)
    left.write_bytes(b"half")
    assert cli.main(["restore", "weights"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["changed"], report["restored"]) == (False, [])
    assert not (site / "models/.model-restore").exists()


def test_a_restore_that_fails_changes_nothing(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (site / "models/model.gguf").write_bytes(b"rotten!")
    assert cli.main(["restore", "weights"]) == 1
    assert "cannot be reached" in capsys.readouterr().err
    assert (site / "models/model.gguf").read_bytes() == b"rotten!"


def test_a_draft_of_the_same_manifest_is_kept_and_others_are_removed(site: Path) -> None:
    same = site / "models/.model-restore" / hashlib.sha256((site / "manifest.sha256").read_bytes()).hexdigest()[:16]
    for draft in (same, same.with_name("of-another-manifest")):
        draft.mkdir(parents=True)
        (draft / "model.gguf").write_bytes(b"half")
    (site / "models/model.gguf").unlink()
    assert cli.main(["restore", "weights"]) == 1, "the repository is not there"
    assert [path.name for path in same.parent.iterdir()] == [same.name]
    assert (same / "model.gguf").read_bytes() == b"half"


def test_restore_from_a_second_copy_that_there_is_not(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (site / "models/model.gguf").unlink()
    assert cli.main(["restore", "weights", "--from", "copy"]) == 1
    assert "set model_backup_copy_repository" in capsys.readouterr().err


def test_two_at_once_are_refused(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with alone(site / "state/restore-weights.lock"):
        assert cli.main(["restore", "weights"]) == 1
    assert capsys.readouterr().err == "model-backup: another restore-weights is running\n"


def test_put_in_place_replaces_files_and_makes_folders(site: Path) -> None:
    draft = site / "models/.model-restore/x"
    (draft / "new").mkdir(parents=True)
    (draft / "model.gguf").write_bytes(b"right")
    (draft / "new/b.gguf").write_bytes(b"b")
    _put_in_place(draft, site / "models", {"model.gguf": "", "new/b.gguf": ""})
    assert (site / "models/model.gguf").read_bytes() == b"right"
    assert (site / "models/new/b.gguf").read_bytes() == b"b"


def test_paths_are_put_in_place_with_their_modes_and_once(tmp_path: Path) -> None:
    draft, final = tmp_path / "draft", tmp_path / "final"
    draft.mkdir()
    (draft / "key").write_text("secret")
    (draft / "key").chmod(0o640)
    (draft / "link").symlink_to("key")
    final.mkdir()
    (final / "key").write_text("older")
    for name, changed in (("key", True), ("link", True), ("key", False), ("link", False)):
        assert restore_paths._place(draft / name, final / name) is changed
    assert (final / "key").read_text() == "secret"
    assert (final / "key").stat().st_mode & 0o777 == 0o640
    assert (final / "link").readlink() == Path("key")
    assert sorted(path.name for path in final.iterdir()) == ["key", "link"]


# --- status


@pytest.mark.parametrize(("age_s", "is_fresh"), [(0, True), (3600, True), (3601, False), (-60, False)])
def test_fresh_is_within_the_rpo(site: Path, age_s: int, is_fresh: bool) -> None:
    known = settings.load()
    made = (NOW - timedelta(seconds=age_s)).strftime("%Y-%m-%dT%H:%M:%SZ")
    digest = manifest.sha256(site / "manifest.sha256")
    statuses.update(known, "weights", last_success_utc=made, manifest_sha256=digest)
    assert ("weights" not in fresh.due(known, known.kinds, NOW)) is is_fresh


def test_other_weights_are_not_covered_by_an_old_backup() -> None:
    known = settings.load()
    made = NOW.strftime("%Y-%m-%dT%H:%M:%SZ")
    statuses.update(known, "weights", last_success_utc=made, manifest_sha256="of another manifest")
    why = fresh.due(known, [known.kind("weights")], NOW)
    assert why == {"weights": "the weights were changed since the last backup"}


def test_weights_that_a_new_fast_tier_lacks_are_due(site: Path) -> None:
    describe(site, fast_tier=True)
    known = settings.load()
    made = NOW.strftime("%Y-%m-%dT%H:%M:%SZ")
    digest = manifest.sha256(site / "manifest.sha256")
    statuses.update(known, "weights", last_success_utc=made, manifest_sha256=digest)
    why = fresh.due(known, [known.kind("weights")], NOW)
    assert why == {"weights": "the weights are not in the fast tier yet"}
    statuses.update(known, "weights", fast_utc=made)
    assert fresh.due(known, [known.kind("weights")], NOW) == {}


def test_fresh_exits_3_and_names_the_kinds_that_are_due(capsys: pytest.CaptureFixture[str]) -> None:
    statuses.update(settings.load(), "configuration", last_success_utc=status.now_utc())
    assert cli.main(["fresh"]) == 3
    assert json.loads(capsys.readouterr().out) == {"weights": "there is no backup yet"}
    assert cli.main(["fresh", "configuration"]) == 0


@pytest.mark.parametrize("text", ["", "{", "[]", '{"last_succ', '{"kind": 3, "files": {}, "x": 1}'])
def test_a_status_that_cannot_be_read_counts_as_none(site: Path, text: str) -> None:
    (site / "state/status").mkdir()
    (site / "state/status/weights.json").write_text(text)
    found = status.Status.load(settings.load(), "weights")
    assert (found.kind, found.rpo_s, found.last_success_utc) == ("weights", 3600, None)


def test_a_status_keeps_what_is_not_changed_and_leaves_no_draft(site: Path) -> None:
    known = settings.load()
    statuses.update(known, "weights", snapshot="abc", bytes=2)
    statuses.update(known, "weights", verified_utc="2026-01-02T03:04:05Z")
    found = status.Status.load(known, "weights")
    assert (found.snapshot, found.bytes, found.verified_utc) == ("abc", 2, "2026-01-02T03:04:05Z")
    assert sorted(path.name for path in (site / "state/status").iterdir()) == [".lock", "weights.json"]


def test_metrics_say_what_the_statuses_say(site: Path) -> None:
    describe(site, metrics_dir=str(site))
    known = settings.load()
    statuses.update(known, "weights", last_success_utc="2026-01-02T03:04:05Z", bytes=98_362_432, last_error="no")
    lines = (site / metrics.FILE).read_text().splitlines()
    assert 'model_backup_last_success_timestamp_seconds{kind="weights"} 1767323045' in lines
    assert 'model_backup_size_bytes{kind="weights"} 98362432' in lines
    assert 'model_backup_last_run_failed{kind="weights"} 1' in lines
    assert 'model_backup_rpo_seconds{kind="configuration"} 60' in lines
    assert not [line for line in lines if line.startswith("model_backup_copied_timestamp_seconds{")]


# --- restic's words


def test_a_snapshot_that_is_gone_is_no_other_trouble() -> None:
    gone = "Fatal: failed to load snapshot dcf8cdbc: <snapshot/dcf8cdbced> does not exist"
    assert isinstance(errors.explained(1, gone, "backup", "here"), errors.NoSnapshotError)


def test_a_full_repository_is_said_at_once_and_restic_is_stopped(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = site / "restic"
    program.write_text(
        "#!/bin/sh\necho 'Save() returned error, retrying: 507 Insufficient Storage' >&2\nexec sleep 60\n"
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(site), prepend=":")
    with pytest.raises(errors.BackupError, match="the repository is full"):
        Restic(settings.load().repository, "gpu1").run("check")


def test_a_lost_repository_is_not_made_again(site: Path) -> None:
    known = settings.load()
    restic = Restic(known.repository, "gpu1")
    assert not repository.known(known, restic)
    for _ in range(2):
        repository.remember(known, restic)
    assert repository.known(known, restic)
    assert (site / "state/repositories").read_text() == f"{known.repository.location}\n"


NO_SFTP = (
    "unable to start the sftp session, error: error receiving version packet from server: "
    "server unexpectedly closed connection: unexpected EOF"
)
"""As restic 0.18 says it."""


@pytest.mark.parametrize(
    ("code", "stderr", "said"),
    [
        (12, '{"message_type":"exit_error","code":12,"message":"Fatal: wrong password"}', "the password does not open"),
        (11, "unable to create lock", "is locked by another client"),
        (10, "Fatal: repository does not exist", "there is no repository at here"),
        (1, "unexpected HTTP response (401): 401 Unauthorized", "does not let this host in"),
        (1, "server response unexpected: 403 Forbidden (403)", "it only takes additions"),
        (1, "write /srv/backup/x: no space left on device", "the repository is full"),
        (1, "Fatal: ciphertext verification failed", "the repository is corrupted"),
        (
            1,
            '{"message_type":"exit_error","code":1,"message":"Fatal: odd\\nIs there a repository?"}',
            "backup: Fatal: odd",
        ),
        (1, "", "restic backup: exit code 1"),
        (
            2,
            "Fatal: odd\npanic: runtime error\n\ngoroutine 1 [running]:\n\tx.go:75 +0x93",
            "it crashed: panic: runtime error",
        ),
        (2, "unexpected fault\nfatal error: fault\n[signal SIGBUS]\n\tx.go:75 +0x93", "it crashed: fatal error: fault"),
        *(
            (1, f"subprocess ssh: {ssh}\nFatal: unable to open repository at sftp:ops@store:/x: {NO_SFTP}", text)
            for ssh in ("ssh: connect to host store port 22: Connection refused", "Host key verification failed.")
            for text in ("the repository cannot be reached over SFTP", f"(here; restic backup: {ssh})")
        ),
    ],
)
def test_what_restic_says_reaches_the_operator(code: int, stderr: str, said: str) -> None:
    assert said in str(errors.explained(code, stderr, "backup", "here"))


# --- markers


def test_markers_are_numbered_and_say_when_the_backup_began(site: Path) -> None:
    known = settings.load()
    for number in (1, 2):
        path = markers.write_next(known, "weights")
        assert json.loads(path.read_text())["number"] == number
    assert path == site / "state/markers/weights.json"
    path.write_text("{")  # half written by a power cut
    assert json.loads(markers.write_next(known, "weights").read_text())["number"] == 1


def answering(monkeypatch: pytest.MonkeyPatch, marker: str, snapshot: str) -> Restic:
    said = {"dump": marker, "cat": snapshot}
    monkeypatch.setattr(Restic, "run", lambda _self, command, *_rest, **_more: said[command])
    known = settings.load()
    return Restic(known.repository, known.host)


@pytest.mark.parametrize(
    ("snapshot", "ended"),
    [('{"summary": {"backup_end": "1970-01-01T00:01:40.123456789Z"}}', 100.123456), ("{}", None)],
)
def test_a_restore_notes_the_marker_that_it_found(
    site: Path, monkeypatch: pytest.MonkeyPatch, snapshot: str, ended: float | None
) -> None:
    known = settings.load()
    restic = answering(monkeypatch, '{"number": 7, "begun": 98.5}', snapshot)
    found = markers.note(known, known.kind("configuration"), restic, "abc")
    assert found is not None
    kept_record = json.loads((site / "state/restored/configuration.json").read_text())
    assert kept_record["marker"] == 7
    assert kept_record["begun"] == 98.5
    assert kept_record["rpo_s"] == 60
    # A snapshot that does not say when it was done bounds nothing.
    assert kept_record["ended"] == (found.restored if ended is None else ended)


def test_a_snapshot_without_a_marker_is_restored_all_the_same(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    known = settings.load()
    assert markers.note(known, known.kind("weights"), answering(monkeypatch, "", "{}"), "abc") is None
    assert not (site / "state/restored/weights.json").exists()
