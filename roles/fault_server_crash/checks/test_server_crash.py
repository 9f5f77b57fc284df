"""After a crash, the engine runs again and systemd has not given up on it."""


def test_engine_runs(host):
    assert host.service("llm-server.service").is_running


def test_nothing_has_failed(failed_units):
    assert failed_units == ()
