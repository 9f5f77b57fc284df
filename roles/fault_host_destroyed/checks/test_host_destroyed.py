"""After a power loss, the host's system has come up whole."""


def test_system_is_up(host):
    # `degraded` counts here: which units failed, and whether that matters, is the other test's.
    assert host.run("systemctl is-system-running --wait").stdout.strip() in {"running", "degraded"}


def test_nothing_has_failed(failed_units):
    assert failed_units == ()
