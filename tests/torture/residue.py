"""What every host of the lab looks like, and what is different from before."""

import base64
import json
import subprocess
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

import testinfra
import yaml
from pydantic import TypeAdapter

from tests.integration.conftest import PROJECT

Snapshot = Mapping[str, Mapping[str, tuple[str, ...]]]
"""Lines by what they are about, by host."""

HOSTS = ("lb1", "gpu1", "gpu2", "store1", "store2")
LAB = yaml.safe_load((PROJECT.lab_inventory / "group_vars/all/drill.yml").read_text())["lab_name"]
LEASES = Path.home() / ".local/state/drill_runner" / LAB / "leases"
ON_HOST = Path(__file__).with_name("on_host.py")
_ANSWER: TypeAdapter[dict[str, tuple[str, ...]]] = TypeAdapter(dict[str, tuple[str, ...]])


@cache
def _host(name: str) -> testinfra.host.Host:
    return testinfra.get_host(f"ansible://{name}?ansible_inventory={PROJECT.lab_inventory}")


def look() -> Snapshot:
    """Ask every host, and this machine."""
    with ThreadPoolExecutor(len(HOSTS)) as pool:
        return dict(zip(HOSTS, pool.map(_ask, HOSTS), strict=True)) | {"controller": _here()}


def _ask(name: str) -> dict[str, tuple[str, ...]]:
    script = base64.b64encode(ON_HOST.read_bytes()).decode()
    try:
        done = _host(name).run(f"echo {script} | base64 -d | sudo python3 -")
    except RuntimeError as error:  # testinfra's word for a host that does not answer
        return {"answers": (f"no: {error}",)}
    if done.rc != 0:
        return {"answers": (f"no: {done.stderr.strip()[-300:]}",)}
    return _ANSWER.validate_python(json.loads(done.stdout))


def _here() -> dict[str, tuple[str, ...]]:
    # Those that do not run as well: a host that was put aside is left behind, too.
    names = (
        "podman",
        "ps",
        "--all",
        "--filter",
        f"label=io.drill-runner.lab={LAB}",
        "--format",
        "{{.Names}} exited={{.Exited}}",
    )
    there = subprocess.run(names, capture_output=True, text=True, check=True).stdout.splitlines()
    leases = sorted(path.name for path in LEASES.iterdir()) if LEASES.is_dir() else []
    return {"hosts": tuple(sorted(there)), "leases": tuple(leases)}


def differences(before: Snapshot, after: Snapshot) -> list[str]:
    """What is there that was not, and what is gone, one sentence each."""
    found = []
    for host, topics in before.items():
        for topic in sorted({*topics, *after[host]}):
            was, now = set(topics.get(topic, ())), set(after[host].get(topic, ()))
            found += [f"{host}: {topic}: left behind: {line}" for line in sorted(now - was)]
            found += [f"{host}: {topic}: gone: {line}" for line in sorted(was - now)]
    return found
