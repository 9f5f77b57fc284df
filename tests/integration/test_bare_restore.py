"""docs/runbooks/bare-restore.md, command by command, on a host that has nothing: it serves with the right answers."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.conftest import PROJECT, command
from tests.torture.residue import LAB

RUNBOOK = PROJECT.root / "docs/runbooks/bare-restore.md"
STATE = Path.home() / ".local/state/drill_runner" / LAB
ROOM = f"{LAB}-bare-room"
STORE = "10.231.77.13"
WITHIN_S = 600


def room(*more: str) -> None:
    program = str(Path(command()[0]).with_name("ansible-playbook"))
    asked = [program, "-i", str(PROJECT.lab_inventory), "tests/integration/bare_room.yml", *more]
    done = subprocess.run(asked, cwd=PROJECT.root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def inside(script: str, given: str = "") -> subprocess.CompletedProcess[str]:
    """Run a script in the room, as root; what it reads comes from `given`."""
    asked = ["podman", "exec", "-i", ROOM, "bash", "-euo", "pipefail", "-c", script]
    return subprocess.run(asked, input=given, capture_output=True, text=True, check=False, timeout=WITHIN_S)


def copied(source: str | Path, target: str) -> None:
    subprocess.run(["podman", "cp", str(source), f"{ROOM}:{target}"], check=True, capture_output=True)


@pytest.fixture
def empty_host() -> Iterator[None]:
    room()
    try:
        yield
    finally:
        room("-e", "room=absent")


@pytest.mark.usefixtures("empty_host")
def test_a_person_with_the_password_and_an_empty_host_serves_again(secrets: dict[str, str], tmp_path: Path):
    # What the person has, and how the registry lets them in.
    engine = f"{LAB}-gpu1:/etc/containers/containers.conf"  # a lab's container needs another runtime than a real host
    subprocess.run(["podman", "cp", engine, str(tmp_path / "containers.conf")], check=True, capture_output=True)
    before = inside(
        "test ! -e /srv/models && test ! -e /etc/llm-server"
        f" && mkdir -p /etc/containers/certs.d/{STORE}:5000 /root/.config/containers"
    )
    assert before.returncode == 0, before.stderr
    copied(tmp_path / "containers.conf", "/etc/containers/containers.conf")
    copied(STATE / "pki/ca.crt", "/root/ca.crt")
    copied(STATE / "pki/ca.crt", f"/etc/containers/certs.d/{STORE}:5000/ca.crt")
    copied(STATE / "secrets/image_registry_auth.json", "/root/.config/containers/auth.json")

    commands = "\n".join(re.findall(r"```sh\n(.*?)```", RUNBOOK.read_text(), re.DOTALL))
    assert "192.0.2.31" in commands
    script = commands.replace("192.0.2.31", STORE).replace("install -y restic", "install -y runc restic")
    typed = "".join((STATE / f"secrets/backup_{what}_gpu1").read_text().strip() + "\n" for what in ("login", "key"))
    done = inside(script, typed)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"^SmolLM2-135M-Instruct\.Q4_1\.gguf: OK$", done.stdout, re.MULTILINE)
    assert '"begun"' in done.stdout
    assert [name for name, value in secrets.items() if value in done.stdout + done.stderr] == []
