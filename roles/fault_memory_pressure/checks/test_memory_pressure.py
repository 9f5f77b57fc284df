"""After the OOM killer, the engine runs with the memory of its deploy, and systemd has not given up on it."""

import json

UNLIMITED = 1 << 62
"""Where cgroup v1 says that there is no limit, it gives a number beyond this one."""


def test_engine_runs(host):
    assert host.service("llm-server.service").is_running


def test_limit_is_the_deployed_one(host):
    with host.sudo():
        seen = host.run("podman container inspect llm-server 2>/dev/null")
        assert seen.rc == 0
        (container,) = json.loads(seen.stdout)
        groups = host.file(f"/proc/{container['State']['Pid']}/cgroup").content_string.splitlines()
        paths = {name: path for _, names, path in (line.split(":", 2) for line in groups) for name in names.split(",")}
        if "memory" in paths:
            file = f"/sys/fs/cgroup/memory{paths['memory']}/memory.limit_in_bytes"
        else:
            file = f"/sys/fs/cgroup{paths['']}/memory.max"
        limit = host.file(file).content_string.strip()
    bounded = limit != "max" and int(limit) < UNLIMITED
    assert (int(limit) if bounded else 0) == container["HostConfig"]["Memory"]


def test_nothing_has_failed(failed_units):
    assert failed_units == ()
