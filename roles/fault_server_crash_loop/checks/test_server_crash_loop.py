"""After a crash loop, the engine runs and stays, and nothing is left that would kill it at its next start."""


def test_engine_runs(host):
    assert host.service("llm-server.service").is_running


def test_next_start_is_not_touched(host):
    shown = host.run("systemctl show --value --property=ExecStartPost llm-server.service")
    assert (shown.rc, shown.stdout.strip()) == (0, "")
    assert not host.file("/run/systemd/system/llm-server.service.d/drill-crash-loop.conf").exists
