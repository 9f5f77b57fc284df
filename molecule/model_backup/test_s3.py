"""A repository on an S3 store over TLS, by one variable; and kinds that are neither weights nor configuration."""

import json
from pathlib import Path

import pytest
from asking import PROGRAM, RESTIC, run, status

testinfra_hosts = ["ansible://lb1"]
pytestmark = pytest.mark.usefixtures("as_root")

SECRET = Path.home() / ".local/state/drill_runner/drill-molecule/secrets/s3_lb1"
ADAPTER = "/srv/adapters/molecule-lora/adapter_model.safetensors"
RULES = "/etc/prometheus/rules/drills.yml"


@pytest.mark.parametrize(("kind", "rpo_s"), [("adapters", 3600), ("monitoring", 86400)])
def test_deploy_made_a_backup_of_each_kind_there(host, kind, rpo_s):
    now = status(host, kind)
    assert (now["last_error"], now["rpo_s"]) == (None, rpo_s)
    snapshot = json.loads(run(host, f"{RESTIC} cat snapshot {now['snapshot']} --no-lock --json"))
    assert set(snapshot["tags"]) == {"model-backup", f"kind={kind}"}


@pytest.mark.parametrize(("kind", "path"), [("adapters", ADAPTER), ("monitoring", RULES)])
def test_what_is_lost_comes_back_from_there(host, kind, path):
    before = run(host, f"sha256sum {path}; stat -c '%a %U' {path}")
    run(host, f"rm {path}")
    assert json.loads(run(host, f"{PROGRAM} restore {kind}"))["restored"] == [path]
    assert run(host, f"sha256sum {path}; stat -c '%a %U' {path}") == before


def test_all_of_it_can_be_read_again(host):
    run(host, f"{PROGRAM} verify --all")
    assert status(host, "adapters")["verify_error"] is None


def test_its_secret_is_on_no_command_line(host):
    seen = run(host, f"{PROGRAM} backup adapters & while kill -0 $!; do ps -eo args; done 2>/dev/null; wait")
    assert "restic" in seen, "the backup was not looked at while it ran"
    assert SECRET.read_text().strip() not in seen


def test_a_store_that_does_not_answer_is_said_at_once(host):
    before = status(host, "adapters")["snapshot"]
    address = run(host, ". /etc/model-backup/environment; echo $RESTIC_REPOSITORY").split("/")[2].partition(":")[0]
    run(host, f"ip route add unreachable {address}")
    try:
        done = host.run(f"timeout 300 {PROGRAM} backup adapters")
    finally:
        run(host, f"ip route del unreachable {address}")
    assert done.rc == 1
    assert ":9000 cannot be reached" in done.stderr
    now = status(host, "adapters")
    assert (now["snapshot"], "cannot be reached" in now["last_error"]) == (before, True)
    run(host, f"{PROGRAM} backup adapters")
    assert status(host, "adapters")["last_error"] is None


def test_a_bucket_that_does_not_exist_is_said_at_once(host):
    elsewhere = (
        run(host, ". /etc/model-backup/environment; echo $RESTIC_REPOSITORY").strip().replace("/backups/", "/no/")
    )
    done = host.run(f"RESTIC_REPOSITORY={elsewhere} timeout 300 {PROGRAM} backup monitoring")
    assert done.rc == 1
    assert "there is no bucket no at " in done.stderr
    run(host, f"{PROGRAM} backup monitoring")
    assert status(host, "monitoring")["last_error"] is None


def test_a_store_with_another_certificate_gets_nothing(host):
    before = status(host, "adapters")["snapshot"]
    done = host.run(f"RESTIC_CACERT=/etc/ssl/certs/ca-certificates.crt timeout 300 {PROGRAM} backup adapters")
    assert done.rc == 1
    assert ":9000 is not trusted" in done.stderr
    assert status(host, "adapters")["snapshot"] == before
    run(host, f"{PROGRAM} backup adapters")
    assert status(host, "adapters")["last_error"] is None
