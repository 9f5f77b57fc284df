"""The hosts are what an installer would leave: a running system, reached over SSH by its pinned key."""

import os

import testinfra

testinfra_hosts = ["ansible://lab"]


def test_system_runs(host):
    state = host.run("systemctl is-system-running --wait")
    assert state.stdout.strip() == "running", host.run("systemctl --failed --no-legend").stdout


def test_key_is_its_own(host):
    key = host.file("/etc/ssh/ssh_host_ed25519_key.pub")
    assert key.exists
    assert host.run("journalctl -u ssh-host-keys -o cat | grep -c 'generating new host keys'").rc == 0


def test_no_password_opens_it(host):
    settings = host.run("sudo sshd -T").stdout.splitlines()
    assert "passwordauthentication no" in settings
    assert "permitrootlogin no" in settings


def test_it_weighs_what_the_environment_says(host):
    told = host.ansible.get_variables()
    name = f"{told['lab_name']}-{told['inventory_hostname']}"
    ask = f"podman container inspect --format '{{{{.HostConfig.CpuShares}}}}' {name}"
    shares = testinfra.get_host("local://").check_output(ask if os.geteuid() == 0 else f"sudo -n {ask}")
    assert shares == (os.environ.get("LAB_HOST_WEIGHT") or "1024")
