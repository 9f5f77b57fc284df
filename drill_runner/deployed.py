"""Whether what is deployed is still what the project says: a digest of everything that a deployment is made from.

The service's API key is part of it. It is made with the lab and removed with it, so a lab that was taken down and made
again by other means is not taken for the one that was deployed.
"""

import hashlib
from collections.abc import Iterator
from pathlib import Path

from drill_runner.catalog import Project
from drill_runner.model.inventory import Inventory

INPUTS = ("roles", "playbooks", "plugins", "ansible.cfg", "requirements.lock")
"""Of the project, beside the inventory."""
NOT_INPUTS = {"__pycache__", "README.md", "checks"}


def digest(project: Project, inventory: Inventory) -> str | None:
    """SHA-256 of all that the deployment is made from; None while it has no API key, so is not deployed."""
    if inventory.endpoint.api_key_file is None:
        return None
    try:
        key = Path(inventory.endpoint.api_key_file).expanduser().read_bytes()
    except OSError:
        return None
    total = hashlib.sha256(hashlib.sha256(key).digest())
    for path in _inputs(project, Path(inventory.source)):
        total.update(str(path).encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()


def is_current(project: Project, inventory: Inventory) -> bool:
    """The last deployment that succeeded was made from what is there now."""
    now = digest(project, inventory)
    try:
        return now is not None and _stamp(inventory).read_text(encoding="ascii") == now
    except (OSError, UnicodeDecodeError):
        return False


def remember(project: Project, inventory: Inventory) -> None:
    """A deployment succeeded."""
    now = digest(project, inventory)
    if now is not None:
        _stamp(inventory).parent.mkdir(parents=True, exist_ok=True)
        _stamp(inventory).write_text(now, encoding="ascii")


def forget(inventory: Inventory) -> None:
    """A deployment begins, or ends: what is there now is unknown until one succeeds."""
    _stamp(inventory).unlink(missing_ok=True)


def _stamp(inventory: Inventory) -> Path:
    name = hashlib.sha256(inventory.source.encode()).hexdigest()[:16]
    return Path("~/.cache/drill_runner/deployed").expanduser() / name


def _inputs(project: Project, source: Path) -> Iterator[Path]:
    for top in (*(project.root / name for name in INPUTS), source):
        inside = [top] if top.is_file() else sorted(top.rglob("*"))
        yield from (path for path in inside if path.is_file() and not NOT_INPUTS & set(path.parts))
