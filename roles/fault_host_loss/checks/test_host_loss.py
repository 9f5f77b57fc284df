"""After a power loss, the host's system has come up whole."""


def test_system_runs(host):
    state = host.run("systemctl is-system-running --wait")
    assert (state.rc, state.stdout.strip()) == (0, "running")
