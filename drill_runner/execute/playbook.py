"""Runs playbooks through ansible-runner, the only module that does."""

import contextlib
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import ansible_runner
from pydantic import TypeAdapter

from drill_runner.execute.events import Events
from drill_runner.execute.told import PlaybookRun, Status
from drill_runner.model.fault import Scalar

KEPT = ("stdout", "job_events")
"""Of ansible-runner's artifacts. Its `command` holds the caller's whole environment and is never kept."""


def run_playbook(
    root: Path,
    playbook: str,
    inventory: Path,
    *,
    variables: Mapping[str, Scalar],
    keep: Path | None = None,
    on_task: Callable[[str], None] = lambda _name: None,
    stop: Callable[[], bool] = lambda: False,
    timeout_s: float | None = None,
) -> PlaybookRun:
    """Run `playbooks/<playbook>.yml` and wait for it.

    Args:
        root: The project's folder.
        playbook: Its name, without folder and suffix.
        inventory: File or folder.
        variables: Extra variables; no secrets.
        keep: Folder, not yet there, for Ansible's output and events. None: they are not kept.
        on_task: Told the name of each task as it starts.
        stop: Asked all the time; True ends the playbook. What runs on hosts already goes on.
        timeout_s: Ends it likewise.
    """
    events = Events(on_task)
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="drill_runner-") as private:
        runner = ansible_runner.run(
            private_data_dir=private,
            ident="run",
            project_dir=str(root),
            playbook=f"playbooks/{playbook}.yml",
            inventory=str(inventory),
            extravars=dict(variables),
            envvars=_environment(root),
            settings={"pexpect_timeout": 0.2},
            quiet=True,
            event_handler=events,
            cancel_callback=stop,
            timeout=None if timeout_s is None else max(1, int(timeout_s)),
        )
        status, rc = str(runner.status), runner.rc if isinstance(runner.rc, int) else 1
        # A playbook that is missing has no statistics, one whose patterns match nothing has empty ones: both "succeed".
        played = bool((runner.stats or {}).get("processed"))
        said = _last_line(Path(private, "artifacts", "run", "stdout"))
        if keep is not None:
            _keep(Path(private, "artifacts", "run"), keep)
    if status == "successful" and not played:
        status, rc = "error", rc or 1
        events.failures.append(f"{playbook}: it did nothing: no host matched")
    if not events.failures and status != "successful":
        events.failures.append(f"{playbook}: {said or status}")
    return PlaybookRun(
        status=TypeAdapter(Status).validate_python(status),
        rc=rc,
        started=started,
        ended=time.monotonic(),
        failures=tuple(events.failures),
        effects=tuple(events.effects),
        evidence=tuple(events.evidence),
        renewals=tuple(events.renewals),
        leases=tuple(events.leases),
        backups=tuple(events.backups),
        unreachable=frozenset(events.unreachable),
    )


def answering(root: Path, inventory: Path, pattern: str) -> frozenset[str]:
    """The hosts of `pattern` that answer over SSH and have a Python that works."""
    answered: set[str] = set()

    def take(event: Mapping[str, object]) -> bool:
        details = event.get("event_data")
        if event.get("event") == "runner_on_ok" and isinstance(details, dict):
            answered.add(str(details.get("host")))
        return True

    with tempfile.TemporaryDirectory(prefix="drill_runner-") as private:
        ansible_runner.run(
            private_data_dir=private,
            project_dir=str(root),
            module="ansible.builtin.ping",
            host_pattern=pattern,
            inventory=str(inventory),
            envvars=_environment(root),
            quiet=True,
            event_handler=take,
        )
    return frozenset(answered)


def _environment(root: Path) -> dict[str, str]:
    own = str(Path(sys.executable).parent)
    return {
        "ANSIBLE_CONFIG": str(root / "ansible.cfg"),
        # ansible-runner turns it off unless told otherwise.
        "ANSIBLE_HOST_KEY_CHECKING": "True",
        "ANSIBLE_FORCE_COLOR": "False",
        "ANSIBLE_NOCOLOR": "True",
        # A playbook ends with this process. ansible-runner puts its own folder behind this one.
        "ANSIBLE_CALLBACK_PLUGINS": str(root / "plugins" / "callback"),
        "DRILL_RUNNER_PID": str(os.getpid()),
        "PATH": os.pathsep.join([own, os.environ.get("PATH", os.defpath)]),
    }


def _keep(artifacts: Path, folder: Path) -> None:
    # A full disk must not stop a revert: how the playbook ended is known without its output.
    with contextlib.suppress(OSError):
        folder.mkdir(parents=True)
        for name in KEPT:
            if (artifacts / name).exists():
                shutil.move(artifacts / name, folder / name)


def _last_line(path: Path) -> str:
    lines = path.read_text(encoding="utf-8", errors="replace").strip().splitlines() if path.exists() else []
    return lines[-1].strip() if lines else ""
