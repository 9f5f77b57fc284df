"""After a crash, the engine runs again and systemd has not given up on it."""

import re

HEALTH_CHECK = re.compile(r"[0-9a-f]{64}-[0-9a-f]+\.service")
"""podman's own transient unit: it fails when the container dies under it, and belongs to that container only."""


def test_engine_runs(host):
    assert host.service("llm-server.service").is_running


def test_nothing_has_failed(host):
    failed = host.run("systemctl --failed --plain --no-legend")
    assert failed.rc == 0
    units = [line.split()[0] for line in failed.stdout.splitlines()]
    assert [unit for unit in units if not HEALTH_CHECK.fullmatch(unit)] == []
