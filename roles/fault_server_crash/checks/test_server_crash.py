"""After a crash, the engine runs again and systemd has not given up on it."""


def test_engine_runs(host):
    assert host.service("llm-server.service").is_running


def test_nothing_has_failed(host):
    failed = host.run("systemctl --failed --plain --no-legend")
    assert failed.rc == 0
    assert failed.stdout == ""
