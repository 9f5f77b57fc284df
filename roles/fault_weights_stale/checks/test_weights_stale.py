"""After an old version, the host holds the weights of its manifest; the drill's own check says whose that is."""


def test_digests_match(host):
    with host.sudo():
        checked = host.run("cd /srv/models && sha256sum --check --quiet /etc/llm-server/manifest.sha256")
    assert checked.rc == 0, checked.stdout + checked.stderr


def test_engine_runs(host):
    assert host.service("llm-server.service").is_running
