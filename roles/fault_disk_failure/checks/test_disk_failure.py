"""After a failed disk, the volume is mounted, and every file of the manifest can be read from it."""

VOLUME = "/srv/models"


def test_volume_is_mounted_for_use(host):
    mount = host.mount_point(VOLUME)
    assert mount.exists
    assert mount.filesystem == "xfs"


def test_every_file_can_be_read(host):
    with host.sudo():
        checked = host.run(f"cd {VOLUME} && sha256sum --check --quiet /etc/llm-server/manifest.sha256")
    assert checked.rc == 0, checked.stdout + checked.stderr
