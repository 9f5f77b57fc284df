"""Runs on a host, as root, and prints what a fault could leave there, as JSON. Knows nothing of leases' own books.

Nothing but the standard library. Each entry is a list of lines; lines that change without anybody's doing are left out.
The number of a link's other end is one of these: a host that was switched off and on again gets another.
"""

import hashlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path

SETTINGS = ("/etc/resolv.conf", "/etc/hosts", "/etc/nsswitch.conf", "/etc/fstab")
LIMITS = (
    "memory.limit_in_bytes", "memory.max", "memory.high", "cpu.cfs_quota_us", "cpu.max", "cpu.shares", "cpu.weight",
    "io.max", "blkio.throttle.read_bps_device", "blkio.throttle.write_bps_device", "blkio.throttle.read_iops_device",
    "freezer.state", "cgroup.freeze",
)  # fmt: skip
NO_LIMIT = {"", "-1", "0", "max", "9223372036854771712", "max 100000", "1024", "100", "THAWED"}
"""What these say where nobody has set anything: groups of services come and go."""
TRANSIENT = re.compile(r"counter packets \d+ bytes \d+|# handle \d+|(?<=10\.88\.0\.)\d+")
"""Counters, and the address that podman gives a container anew at each start."""


def said(*command: str) -> list[str]:
    """The lines of a command's output; none where there is no such command."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return []
    return [TRANSIENT.sub("", line).rstrip() for line in done.stdout.splitlines() if not line.startswith("#")]


def processes() -> list[str]:
    """Processes that are stopped, traced, or have something of a drill in their command line."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            status = (folder / "status").read_text()
            line = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
        except OSError:
            continue
        state = re.search(r"^State:\s+(\S)", status, re.MULTILINE)
        tracer = re.search(r"^TracerPid:\s+(\d+)", status, re.MULTILINE)
        if (state and state[1] in "Tt") or (tracer and tracer[1] != "0") or "drill-lease" in line:
            found.append(f"{state[1] if state else '?'} {line}")
    return sorted(found)


def mounts() -> list[str]:
    """What is mounted where, in the name spaces of every process, but for what containers come and go with."""
    found = set()
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            lines = (folder / "mountinfo").read_text().splitlines()
        except OSError:
            continue
        for line in lines:
            fields, _, source = line.partition(" - ")
            where = fields.split()[4]
            if "/srv/" in where or "drill" in line:
                found.add(f"{where} {source.split()[0]}")
    return sorted(found)


def limits() -> list[str]:
    """Every limit of every lasting control group that holds containers or services."""
    found = []
    for root, folders, files in os.walk("/sys/fs/cgroup"):
        folders[:] = [name for name in folders if not re.search(r"\.scope$|[0-9a-f]{64}|user-|session-", name)]
        for name in set(files) & set(LIMITS):
            try:
                value = Path(root, name).read_text().strip()
            except OSError:
                continue
            if value not in NO_LIMIT:
                found.append(f"{root}/{name} {value}")
    return sorted(found)


def of_container() -> list[str]:
    """The limits of the model's container, which has another control group each time that it starts."""
    pid = next(iter(said("podman", "inspect", "--format", "{{.State.Pid}}", "llm-server")), "")
    if not pid.isdigit() or pid == "0":
        return ["llm-server does not run"]
    found = set()
    for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        for root in (Path("/sys/fs/cgroup", controllers), Path("/sys/fs/cgroup/unified"), Path("/sys/fs/cgroup")):
            for name in LIMITS:
                try:
                    found.add(f"{name} {(root / path.lstrip('/') / name).read_text().strip()}")
                except OSError:
                    continue
    return sorted(found)


def files(*places: str) -> list[str]:
    """Every file below, with the digest of what it holds; but for podman's units that come and go by themselves."""
    found = []
    for place in places:
        for path in [Path(place), *sorted(Path(place).rglob("*"))]:
            if re.search(r"/(podman-\d+\.scope|[0-9a-f]{64}.*|libpod-.*|session-.*|run-.*)$", str(path)):
                continue
            if path.is_symlink():
                found.append(f"{path} -> {path.readlink()}")
            elif path.is_file():
                with path.open("rb") as file:
                    found.append(f"{path} {oct(path.stat().st_mode)} {hashlib.file_digest(file, 'sha256').hexdigest()}")
            elif path.exists():
                found.append(f"{path}/ {oct(path.stat().st_mode)}")
    return found


def main() -> None:
    """Print it."""
    sys.stdout.write(
        json.dumps(
            {
                "packet filter": said("nft", "--stateless", "list", "ruleset"),
                "old packet filter": said("iptables-save"),
                "queueing": [line for line in said("tc", "qdisc", "show") if "noqueue" not in line],
                "links": [
                    re.sub(r"^\d+: |@if\d+| qlen \d+", "", line) for line in said("ip", "-o", "link", "show", "eth0")
                ],
                "processes": processes(),
                "mounts": mounts(),
                "limits": limits(),
                "container": of_container(),
                "settings": files(*SETTINGS),
                "units": files("/etc/systemd/system", "/etc/containers/systemd", "/run/systemd/transient"),
                "loaded": said("systemctl", "list-units", "--all", "--plain", "--no-legend", "drill*"),
                "leases": files("/var/lib/drill-lease")[1:],
                "models": files("/srv/models"),
                "configuration": files("/etc/llm-server"),
            }
        )
    )


main()
