"""Backups that restore: only right weights go in, only right weights come out, and a kill at any time loses nothing."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

testinfra_hosts = ["ansible://llm_servers"]

STATE = Path.home() / ".local/state/drill_runner/drill-molecule"
WEIGHTS = "/srv/molecule-models/model.gguf"
RESTORE = (
    "systemd-run --quiet --wait --pipe --collect --unit=model-restore "
    "--property=EnvironmentFile=/etc/model-backup/environment /usr/local/libexec/model-backup restore"
)


@pytest.fixture(autouse=True)
def as_root(host):
    with host.sudo():
        yield
        done = host.run(RESTORE)
        assert done.rc == 0, done.stderr


def run(host, command):
    done = host.run(command)
    assert done.rc == 0, done.stderr
    return done.stdout


def status(host):
    return json.loads(host.file("/var/lib/model-backup/status.json").content_string)


def weights_are_right(host):
    return host.run("cd /srv/molecule-models && sha256sum --status -c /etc/molecule-model/manifest.sha256").rc == 0


def corrupt(host):
    run(host, f"printf rot | dd of={WEIGHTS} bs=1 seek=12345678 conv=notrunc status=none")
    assert not weights_are_right(host)


def test_deploy_made_a_backup(host):
    now = status(host)
    age = datetime.now(UTC) - datetime.fromisoformat(now["last_success_utc"])
    assert 0 <= age.total_seconds() < now["rpo_s"] == 3600
    assert now["last_error"] is None
    assert now["files"] == 3
    assert now["bytes"] > 20_000_000


def test_the_timer_runs(host):
    timer = host.service("model-backup.timer")
    assert timer.is_enabled
    assert timer.is_running
    assert run(host, "systemctl show -P Persistent model-backup.timer").strip() == "yes"


def test_passwords_are_for_root_only(host):
    file = host.file("/etc/model-backup/environment")
    assert (file.user, oct(file.mode)) == ("root", "0o600")


def test_no_password_is_on_a_command_line(host):
    name = host.backend.get_hostname()
    seen = run(host, "systemctl start model-backup.service & while kill -0 $!; do ps -eo args; done 2>/dev/null; wait")
    assert "restic" in seen, "the backup was not looked at while it ran"
    for secret in ("backup_login", "backup_key"):
        shown = (STATE / "secrets" / f"{secret}_{name}").read_text().strip() in seen
        assert not shown, f"{secret} is on a command line"


def test_rotten_weights_are_refused_and_the_good_backup_stays(host):
    before = status(host)
    corrupt(host)
    assert host.run("systemctl start model-backup.service").rc != 0
    after = status(host)
    assert "do not match" in after["last_error"]
    assert after["snapshot"] == before["snapshot"]


@pytest.mark.parametrize("hurt", [corrupt, lambda host: run(host, f"rm {WEIGHTS}")], ids=["corrupted", "deleted"])
def test_restore_brings_them_back(host, hurt):
    hurt(host)
    report = json.loads(run(host, RESTORE))
    assert (report["changed"], report["restored"]) == (True, ["model.gguf"])
    assert weights_are_right(host)
    assert run(host, "ls -A /srv/molecule-models") == "model.gguf\n"
    assert json.loads(run(host, RESTORE))["changed"] is False


@pytest.mark.parametrize("after_s", [0.1, 0.4, 0.8, 1.2])
def test_a_killed_restore_never_serves_half_a_file(host, after_s):
    corrupt(host)
    host.run(f"({RESTORE}) & sleep {after_s}; systemctl kill -s KILL model-restore; wait")
    found = run(host, "ls /srv/molecule-models").split()
    assert found == ["model.gguf"], "what is half done is hidden"
    assert int(run(host, f"stat -c %s {WEIGHTS}")) == 20_000_000
    run(host, RESTORE)
    assert weights_are_right(host)
    assert run(host, "ls -A /srv/molecule-models") == "model.gguf\n"


@pytest.mark.parametrize("after_s", [0.2, 0.6, 1.0])
def test_a_killed_backup_loses_nothing(host, after_s):
    before = status(host)["snapshot"]
    run(host, "systemctl start --no-block model-backup.service")
    host.run(f"sleep {after_s}; systemctl kill -s KILL model-backup.service")
    run(host, "systemctl reset-failed model-backup.service; systemctl start model-backup.service")
    snapshots = run(host, "set -a; . /etc/model-backup/environment; restic snapshots --json --no-lock")
    assert before in {item["id"] for item in json.loads(snapshots)}
    assert status(host)["last_error"] is None


def test_weights_that_rot_while_they_are_archived_are_not_a_good_backup(host):
    """The last snapshot is rotten then, and cannot be deleted; a restore takes the one before it."""
    program = "PATH=/usr/local/lib/molecule-rot:$PATH /usr/local/libexec/model-backup backup"
    done = host.run(f"set -a; . /etc/model-backup/environment; {program}")
    assert done.rc == 1
    assert "weights changed while they were archived" in done.stderr
    report = json.loads(run(host, RESTORE))
    assert report["changed"]
    assert report["snapshot"] not in {None, "latest"}
    assert weights_are_right(host)


def test_another_manifest_gets_nothing_in_place(host):
    run(host, "cp /etc/molecule-model/manifest.sha256 /tmp/manifest; rm /srv/molecule-models/model.gguf")
    try:
        run(host, f"echo '{'0' * 64}  model.gguf' > /etc/molecule-model/manifest.sha256")
        done = host.run(RESTORE)
        assert done.rc != 0
        assert "does not hold the weights" in done.stderr
        assert run(host, "ls -A /srv/molecule-models") == ""
    finally:
        run(host, "mv /tmp/manifest /etc/molecule-model/manifest.sha256")


def test_a_hosts_own_credentials_cannot_take_its_backups_away(host):
    run(host, "systemctl start model-backup.service")
    kept = status(host)["snapshot"]
    run(host, "set -a; . /etc/model-backup/environment; restic unlock --remove-all")  # of backups that were killed
    attack = host.run(f"set -a; . /etc/model-backup/environment; restic forget --prune {kept}")
    assert "403 Forbidden" in attack.stderr + attack.stdout
    snapshots = run(host, "set -a; . /etc/model-backup/environment; restic snapshots --json --no-lock")
    assert kept in {item["id"] for item in json.loads(snapshots)}


def test_a_repository_that_is_not_ours_is_refused(host):
    command = (
        "set -a; . /etc/model-backup/environment; RESTIC_CACERT=/etc/hostname /usr/local/libexec/model-backup backup"
    )
    done = host.run(command)
    assert done.rc == 1
    assert "is not trusted" in done.stderr
