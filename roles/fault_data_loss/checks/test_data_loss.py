"""After a loss of data, the server's configuration and weights came back from a backup."""

import json

KINDS = ("configuration", "weights")


def test_every_kind_was_restored(host):
    with host.sudo():
        said = {kind: host.run("cat /var/lib/model-backup/restored/%s.json", kind) for kind in KINDS}
    missing = [kind for kind, asked in said.items() if asked.rc != 0]
    assert missing == []
    assert all(json.loads(asked.stdout)["marker"] >= 1 for asked in said.values())


def test_the_server_is_enabled_and_runs(host):
    assert host.run("systemctl is-active llm-server.service").stdout.strip() == "active"
