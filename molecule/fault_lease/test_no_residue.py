"""However the leases ended, nothing of them is left."""

testinfra_hosts = ["ansible://llm_servers"]

PLACES = "/var/lib /run /etc/systemd"


def test_nothing_is_left(host):
    with host.sudo():
        found = host.run(f"find {PLACES} -name '*drill-lease-*' -o -name 'simulated-*_*' -not -name '*-allowed'")
    assert found.rc == 0, found.stderr
    assert found.stdout == ""


def test_systemd_is_content(host):
    state = host.run("systemctl is-system-running --wait")
    assert (state.rc, state.stdout.strip()) == (0, "running")
