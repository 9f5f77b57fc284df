"""Backups that restore: only right weights go in, only right weights come out, and a kill at any time loses nothing."""

import hashlib
import json
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest
import testinfra
from asking import BACKUP, PROGRAM, RESTIC, RESTORE, WEIGHTS, corrupt, run, status, weights_are_right

from tests.waiting import wait_until

testinfra_hosts = ["ansible://gpu1"]

pytestmark = pytest.mark.usefixtures("as_root_and_whole_again")

INVENTORY = Path(os.environ["ANSIBLE_CONFIG"]).parent / "inventories/molecule"
STATE = Path.home() / ".local/state/drill_runner/drill-molecule"


@pytest.fixture
def undisturbed(as_root, host):  # noqa: ARG001 (for its effect)
    """No timer begins a backup at this very moment."""
    timers = run(host, "systemctl list-units --plain --no-legend 'model-backup*.timer' | cut -d' ' -f1").split()
    assert timers
    run(host, f"systemctl stop {' '.join(timers)}")
    under_way = "systemctl list-units --plain --no-legend --state=activating 'model-backup@*.service'"
    wait_until(lambda: run(host, under_way) == "")
    yield
    run(host, f"systemctl start {' '.join(timers)}")


@pytest.fixture
def tried_again_at_once(as_root, host):  # noqa: ARG001 (for its effect)
    """The wait for it would be a quarter of an hour."""
    folder = "/run/systemd/system/model-backup-retry@configuration.service.d"
    run(host, f"mkdir -p {folder}; printf '[Service]\nEnvironment=WAIT_S=1\n' > {folder}/soon.conf")
    run(host, "systemctl stop model-backup-retry@configuration; systemctl daemon-reload")
    yield
    run(host, f"rm -r {folder}; systemctl daemon-reload")


@pytest.fixture
def slow(host):
    """The program without its fast tier, so that it has to use the archive."""
    run(host, "cp -r /etc/model-backup /srv/slow && sed -i '/fast_tier/s/true/false/' /srv/slow/settings.json")
    yield f"MODEL_BACKUP_CONF_DIR=/srv/slow {PROGRAM}"
    run(host, "rm -r /srv/slow")


def on_store(command):
    """Run a command where the repositories are."""
    store = testinfra.get_host("ansible://store1?force_ansible=True", ansible_inventory=str(INVENTORY))
    with store.sudo():
        return run(store, command)


@pytest.mark.parametrize(
    ("kind", "rpo_s", "files", "size"), [("weights", 3600, 4, 20_000_000), ("configuration", 600, 3, 80)]
)
def test_deploy_made_a_backup_of_each_kind(host, kind, rpo_s, files, size):
    now = status(host, kind)
    age = datetime.now(UTC) - datetime.fromisoformat(now["last_success_utc"])
    assert 0 <= age.total_seconds() < now["rpo_s"] == rpo_s
    assert now["last_error"] is None
    assert now["files"] == files
    assert now["bytes"] > size
    tags = json.loads(run(host, f"{RESTIC} cat snapshot {now['snapshot']} --no-lock --json"))["tags"]
    assert set(tags) == {"model-backup", f"kind={kind}"}


def test_facts_and_metrics_say_the_same(host):
    facts = json.loads(run(host, "/etc/ansible/facts.d/model_backup.fact"))
    assert facts["weights"] == status(host, "weights")
    made = datetime.fromisoformat(facts["weights"]["last_success_utc"]).timestamp()
    lines = run(host, "cat /var/lib/prometheus/node-exporter/model_backup.prom").splitlines()
    assert f'model_backup_last_success_timestamp_seconds{{kind="weights"}} {made:.0f}' in lines


@pytest.mark.parametrize("timer", ["model-backup@weights", "model-backup@configuration", "model-backup-verify"])
def test_the_timers_run(host, timer):
    unit = host.service(f"{timer}.timer")
    assert unit.is_enabled
    assert unit.is_running
    assert run(host, f"systemctl show -P Persistent {timer}.timer").strip() == "yes"


def test_a_kind_has_its_own_schedule(host):
    assert "*:0/5" in run(host, "systemctl cat model-backup@configuration.timer")
    assert "*:0/30" in run(host, "systemctl cat model-backup@weights.timer")


def test_configuration_comes_back_where_it_was_and_below_another_folder(host):
    golden = "/etc/molecule-model/golden.json"
    before = run(host, f"cat {golden}; stat -c '%a %U' {golden}")
    run(host, f"rm {golden}")
    report = json.loads(run(host, f"{PROGRAM} restore configuration"))
    assert report["restored"] == [golden]
    assert run(host, f"cat {golden}; stat -c '%a %U' {golden}") == before
    try:
        run(host, f"{PROGRAM} restore configuration --target /srv/elsewhere")
        run(host, f"cmp {golden} /srv/elsewhere{golden}")
    finally:
        run(host, "rm -r /srv/elsewhere")


def test_verify_goes_through_all_parts_in_turn(host):
    parts = [json.loads(run(host, f"{PROGRAM} verify"))["part"] for _ in range(3)]
    assert set(parts) == {"1/2", "2/2"}
    assert parts[0] == parts[2]
    assert status(host, "weights")["verified_utc"]


def test_passwords_are_for_root_only(host):
    file = host.file("/etc/model-backup/environment")
    assert (file.user, oct(file.mode)) == ("root", "0o600")


def test_no_password_is_on_a_command_line(host):
    name = host.backend.get_hostname()
    seen = run(host, f"systemctl start {BACKUP} & while kill -0 $!; do ps -eo args; done 2>/dev/null; wait")
    assert "restic" in seen, "the backup was not looked at while it ran"
    for secret in ("backup_login", "backup_key"):
        shown = (STATE / "secrets" / f"{secret}_{name}").read_text().strip() in seen
        assert not shown, f"{secret} is on a command line"


@pytest.mark.usefixtures("undisturbed")
def test_rotten_weights_are_refused_and_the_good_backup_stays(host):
    before = status(host, "weights")
    corrupt(host)
    assert host.run(f"systemctl start {BACKUP}").rc != 0
    after = status(host, "weights")
    assert "do not match" in after["last_error"]
    assert after["snapshot"] == before["snapshot"]


def test_a_chunk_that_rots_on_the_store_is_found_and_does_not_get_out(host):
    name = json.loads(run(host, "cat /var/lib/model-backup/chunks.json"))["files"][0]["chunks"][0]
    chunk = f"/srv/backup/{host.backend.get_hostname()}/chunks/data/{name[:2]}/{name}"
    on_store(f"cp -p {chunk} /srv/kept && printf rot | dd of={chunk} bs=1 seek=1000 conv=notrunc")
    try:
        done = host.run(f"{PROGRAM} verify --all")
        assert done.rc == 1
        assert f"the fast tier is corrupted: remove these chunks on the store: {name}" in done.stderr
        assert name in status(host, "weights")["verify_error"]
        run(host, f"rm {WEIGHTS}")
        report = json.loads(run(host, RESTORE))
        assert (report["fast"], report["snapshot"]) == ([], status(host, "weights")["snapshot"])
        assert weights_are_right(host)
    finally:
        on_store(f"mv /srv/kept {chunk}")
    run(host, f"{PROGRAM} verify --all")
    assert status(host, "weights")["verify_error"] is None


def test_the_store_removes_old_chunks_that_no_backup_names_and_no_others(host):
    name = host.backend.get_hostname()
    folder = f"/srv/backup/{name}/chunks/data"
    named = {
        chunk
        for file in json.loads(run(host, "cat /var/lib/model-backup/chunks.json"))["files"]
        for chunk in file["chunks"]
    }
    old, new = (hashlib.sha256(word).hexdigest() for word in (b"old", b"new"))
    spare = " ".join(f"{folder}/{one[:2]}/{one}" for one in (old, new))
    on_store(f"runuser -u restic-rest-server -- touch {spare}")
    on_store(f"find {folder} -type f ! -name {new} -exec touch --date='3 days ago' {{}} +")
    on_store("systemctl start backup-repository-prune.service")
    left = {Path(line).name for line in on_store(f"find {folder} -type f").splitlines()}
    assert named <= left
    assert (old in left, new in left) == (False, True)
    pruned = json.loads(on_store("cat /var/lib/backup-repository/prune.json"))[name]
    assert (pruned["chunks_removed"], pruned["last_error"]) == (1, None)
    on_store(f"rm {folder}/{new[:2]}/{new}")
    run(host, f"{PROGRAM} verify --all")


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
    before = status(host, "weights")["snapshot"]
    run(host, f"systemctl start --no-block {BACKUP}")
    host.run(f"sleep {after_s}; systemctl kill -s KILL {BACKUP}")
    run(host, f"systemctl reset-failed {BACKUP}; systemctl start {BACKUP}")
    snapshots = run(host, f"{RESTIC} snapshots --json --no-lock")
    assert before in {item["id"] for item in json.loads(snapshots)}
    assert status(host, "weights")["last_error"] is None


def test_weights_that_rot_while_they_are_archived_are_not_a_good_backup(host, slow):
    """The last snapshot is rotten then, and cannot be deleted; a restore takes the one before it."""
    done = host.run(f"PATH=/usr/local/lib/molecule-rot:$PATH {PROGRAM} backup weights")
    assert done.rc == 1
    assert "weights changed while they were archived" in done.stderr
    assert json.loads(run(host, f"{slow} restore weights"))["snapshot"] == status(host, "weights")["snapshot"]
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
    run(host, f"systemctl start {BACKUP}")
    kept = status(host, "weights")["snapshot"]
    run(host, f"{RESTIC} unlock --remove-all")  # of backups that were killed
    attack = host.run(f"{RESTIC} forget --prune {kept}")
    assert "403 Forbidden" in attack.stderr + attack.stdout
    snapshots = run(host, f"{RESTIC} snapshots --json --no-lock")
    assert kept in {item["id"] for item in json.loads(snapshots)}


def test_a_repository_that_is_not_ours_is_refused(host):
    done = host.run(f"RESTIC_CACERT=/etc/hostname {PROGRAM} backup weights")
    assert done.rc == 1
    assert "is not trusted" in done.stderr


@pytest.mark.usefixtures("undisturbed", "tried_again_at_once")
def test_a_run_that_failed_is_tried_again_until_it_succeeds(host):
    """Its timer would come round in minutes, that of weights in hours, and until then no drill may rely on backups."""
    unit = "model-backup@configuration.service"
    run(host, "mv /etc/model-backup/ca.crt /etc/model-backup/kept")
    try:
        assert host.run(f"systemctl start {unit}").rc != 0
        first = run(host, f"systemctl show -P InvocationID {unit}")
        wait_until(lambda: run(host, f"systemctl show -P InvocationID {unit}") != first)
        assert "ca.crt: no such file" in status(host, "configuration")["last_error"]
    finally:
        run(host, "mv /etc/model-backup/kept /etc/model-backup/ca.crt")
    wait_until(lambda: status(host, "configuration")["last_error"] is None)
