"""A second copy in another repository: at one host of the same kind as the first, at the other over SFTP."""

import json

import pytest
from asking import BACKUP, PROGRAM, RESTIC, RESTORE, WEIGHTS, corrupt, run, status, weights_are_right

testinfra_hosts = ["ansible://llm_servers"]

pytestmark = pytest.mark.usefixtures("as_root_and_whole_again")


@pytest.mark.parametrize("hurt", [corrupt, lambda host: run(host, f"rm {WEIGHTS}")], ids=["corrupted", "deleted"])
@pytest.mark.parametrize("origin", ["", "--from copy", "--snapshot"])
def test_restore_brings_them_back(host, hurt, origin):
    wanted = f"{origin} {status(host, 'weights')['snapshot']}" if origin == "--snapshot" else origin
    hurt(host)
    report = json.loads(run(host, f"{RESTORE} {wanted}"))
    assert (report["changed"], report["restored"]) == (True, ["model.gguf"])
    assert report["fast"] == ([] if origin else ["model.gguf"])
    assert weights_are_right(host)
    assert run(host, "ls -A /srv/molecule-models") == "model.gguf\n"
    assert json.loads(run(host, RESTORE))["changed"] is False


def test_every_backup_is_in_the_second_repository(host):
    run(host, f"systemctl start {BACKUP}")
    now = status(host, "weights")
    assert (now["copied_snapshot"], now["copy_error"]) == (now["snapshot"], None)
    copied = json.loads(run(host, f"{RESTIC} -r $MODEL_BACKUP_COPY_RESTIC_REPOSITORY snapshots --json --no-lock"))
    assert now["snapshot"] in {item["original"] for item in copied}


def test_a_second_repository_that_is_gone_does_not_harm_the_first(host):
    away = "MODEL_BACKUP_COPY_RESTIC_REPOSITORY=rest:https://127.0.0.1:1/away/"
    done = host.run(f"{away} {PROGRAM} backup configuration")
    assert done.rc == 1
    assert "backed up, but not copied to the second repository" in done.stderr
    now = status(host, "configuration")
    assert now["last_error"] is None
    assert "127.0.0.1:1 cannot be reached" in now["copy_error"]
    run(host, f"{PROGRAM} backup configuration")
    assert status(host, "configuration")["copy_error"] is None
