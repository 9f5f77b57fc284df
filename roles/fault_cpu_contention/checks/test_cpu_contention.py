"""An engine that has to wait for CPU time is alive: nobody took it for dead, and no other unit has failed."""


def test_engine_runs(host):
    assert host.service("llm-server.service").is_running


def test_nothing_has_failed(failed_units):
    assert failed_units == ()
