"""A slow disk takes nothing away: every file of the manifest is whole, and the engine serves it."""

VOLUME = "/srv/models"


def test_every_file_is_whole(host):
    with host.sudo():
        checked = host.run(f"cd {VOLUME} && sha256sum --check --quiet /etc/llm-server/manifest.sha256")
    assert checked.rc == 0, checked.stdout + checked.stderr


def test_the_engine_runs(host):
    assert host.service("llm-server.service").is_running
