"""After a hang, the engine runs, and nothing on the host is left stopped."""


def test_engine_runs(host):
    assert host.service("llm-server.service").is_running


def test_no_process_is_stopped(host):
    # A process may end while the list is read: what `cat` says about it does not count.
    seen = host.run("cat /proc/[0-9]*/stat 2>/dev/null; true")
    assert seen.rc == 0
    states = {line.partition(" (")[0]: line.rpartition(") ")[2][0] for line in seen.stdout.splitlines()}
    assert "1" in states
    assert [pid for pid, state in states.items() if state == "T"] == []
