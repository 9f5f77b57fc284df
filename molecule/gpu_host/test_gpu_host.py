"""Podman answers with the right runtime, and the model volume is XFS of its own that comes back by itself."""

import json

testinfra_hosts = ["ansible://llm_servers"]


def test_model_volume_is_xfs_and_cannot_run_anything(host):
    mount = host.mount_point("/srv/models")
    assert mount.exists
    assert mount.filesystem == "xfs"
    assert {"noexec", "nosuid", "nodev", "noatime"} <= set(mount.options)


def test_model_volume_is_mounted_at_boot(host):
    assert host.run("systemctl is-enabled srv-models.mount").stdout.strip() == "enabled"
    after = host.run("systemctl show --property=After srv-models.mount").stdout
    assert "gpu-host-container.service" in after


def test_runtime_fits_the_cgroups(host):
    cgroup2 = host.run("test -e /sys/fs/cgroup/cgroup.controllers").rc == 0
    info = host.run("sudo podman info --format json")
    assert info.rc == 0, info.stderr
    assert json.loads(info.stdout)["host"]["ociRuntime"]["name"] == ("crun" if cgroup2 else "runc")


def test_kernel_is_left_alone(host):
    assert not host.file("/etc/sysctl.d/60-gpu-host.conf").exists
    assert not host.file("/etc/systemd/system.conf.d/60-gpu-host.conf").exists


def test_the_labs_host_keeps_the_bytecode_of_ansibles_modules(host):
    """Without it every task compiles them anew, and all is only slower. No more is in the image than a folder."""
    with host.sudo():
        folder = host.file("/var/cache/ansible-bytecode")
        assert (folder.user, folder.mode) == ("root", 0o700)
        assert len(folder.listdir()) > 10
