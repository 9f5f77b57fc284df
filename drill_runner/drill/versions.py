"""The versions of everything that could matter to a run's numbers."""

import json
import platform
import subprocess
from importlib import metadata
from pathlib import Path

from drill_runner import __version__
from drill_runner.catalog import Project
from drill_runner.model.plan import AnyPlan

PACKAGES = ("ansible-core", "ansible-runner", "pytest-testinfra", "aiohttp")


def versions(plan: AnyPlan, project: Project | None = None) -> dict[str, str]:
    """Name → version, of the runner, what it is made of, the machine, the project if one is used, and the service."""
    found = {"drill_runner": __version__, "python": platform.python_version(), "kernel": platform.release()}
    found |= {name: metadata.version(name) for name in PACKAGES}
    if project is not None and (commit := _commit(project.root)) is not None:
        found["project"] = commit
    if plan.endpoint.golden_file:
        found |= _service(Path(plan.endpoint.golden_file).expanduser())
    return dict(sorted(found.items()))


def _commit(root: Path) -> str | None:
    """`git describe` of the checkout; None where there is no git or no checkout."""
    try:
        done = subprocess.run(
            ["git", "-C", root, "describe", "--always", "--dirty"], capture_output=True, text=True, check=False
        )
    except OSError:
        return None
    return done.stdout.strip() or None


def _service(golden: Path) -> dict[str, str]:
    try:
        told = json.loads(golden.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    keys = ("engine", "model", "quantisation") if isinstance(told, dict) else ()
    return {key: str(told[key]) for key in keys if told.get(key)}
