"""After rot, the weights on disk are the ones in the manifest."""


def test_digests_match(host):
    with host.sudo():
        checked = host.run("cd /srv/models && sha256sum --check --quiet /etc/llm-server/manifest.sha256")
    assert checked.rc == 0, checked.stdout + checked.stderr
