"""After a stall, the engine runs, and no thread on the host is left frozen by a tracer."""


def test_engine_runs(host):
    assert host.service("llm-server.service").is_running


def test_no_thread_is_frozen(host):
    # A thread may end while the list is read: what `cat` says about it does not count.
    seen = host.run("cat /proc/[0-9]*/task/[0-9]*/stat 2>/dev/null; true")
    assert seen.rc == 0
    states = {line.partition(" (")[0]: line.rpartition(") ")[2][0] for line in seen.stdout.splitlines()}
    assert "1" in states
    assert [thread for thread, state in states.items() if state == "t"] == []
