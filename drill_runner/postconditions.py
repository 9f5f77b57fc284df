"""Runs testinfra checks as one pytest subprocess, and reads what became of each from its JUnit XML.

Only a passed test passes. A failed assertion is a failure. Everything else (no test found, a skip, an error at import
or in a fixture, an exception that is no assertion, a dead or late pytest) is the checker's failure, and proves nothing.
"""

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from junitparser import Attr, Error, Failure, JUnitXml, JUnitXmlError, Skipped, TestCase
from junitparser.junitparser import FinalResult

from drill_runner.model.inventory import Endpoint, Inventory
from drill_runner.model.plan import Phase
from drill_runner.model.record import CheckFinished

TIMEOUT_S = 300.0
"""For all checks of one phase together. Reading the digests of large weights is the slow part."""

_PLACES = ("tests/postconditions/test_{}.py", "roles/*/checks/test_{}.py")
_ASSERTION = re.compile(r"AssertionError\b|assert |Failed: ")
"""How pytest's message begins when a test said no, as opposed to not being able to say."""
_COLLECTION = "collection failure"
"""pytest's whole message for a file that it could not import."""
_RAN = frozenset({0, 1})
"""pytest's exit codes of a session that ran all it found: all passed, some did not."""

Outcome = Literal["passed", "failed", "broken"]


def run_checks(
    project_root: Path,
    checks: Sequence[str],
    *,
    inventory: Inventory,
    targets: Sequence[str],
    fault_targets: Mapping[str, Sequence[str]] | None = None,
    phase: Phase,
    xml_path: Path,
    on_result: Callable[[CheckFinished], None] = lambda _: None,
    timeout_s: float = TIMEOUT_S,
) -> tuple[CheckFinished, ...]:
    """Run the named checks and say what became of every test in them, at least one for each check.

    Args:
        project_root: Where the checks, `ansible.cfg` and relative inventories are.
        checks: Names of files in `tests/postconditions/` or a fault's `checks/`, less `test_` and `.py`.
        inventory: The inventory whose hosts are asked.
        targets: The hosts that the drill broke, for checks that want to know.
        fault_targets: The hosts that each fault broke, by its name: where its own checks run. Others: `targets`.
        phase: What the results are labelled with.
        xml_path: Where pytest's JUnit XML is kept, without the service's API key.
        on_result: Told of each result, in the order of `checks`.
        timeout_s: For all of them together, in seconds.
    """
    files = {check: _find(project_root, check) for check in dict.fromkeys(checks)}
    started = time.monotonic()
    session = _Session(project_root, inventory, tuple(targets), dict(fault_targets or {}), xml_path, timeout_s)
    problem, cases = _run(session, [str(file) for file in files.values() if file is not None])
    at = time.monotonic()

    def finished(check: str, name: str, outcome: Outcome, seconds: float, message: str | None) -> CheckFinished:
        result = CheckFinished(
            at=at, phase=phase, check=check, name=name, outcome=outcome, seconds=seconds, message=message
        )
        on_result(result)
        return result

    results = []
    for check, file in files.items():
        own = [case for case in cases if file is not None and _belongs(case, file.relative_to(project_root))]
        results += [finished(check, case.name or check, *_judge(case)) for case in own]
        trouble = problem
        if file is None:
            trouble = f"no such check; expected {' or '.join(place.format(check) for place in _PLACES)}"
        elif not own and problem is None:
            trouble = f"{file.relative_to(project_root)}: no test in it ran"
        if trouble is not None:
            results.append(finished(check, "pytest", "broken", at - started, trouble))
    return tuple(results)


def _find(root: Path, check: str) -> Path | None:
    return next((path for place in _PLACES for path in sorted(root.glob(place.format(check)))), None)


@dataclass(frozen=True)
class _Session:
    """What one pytest subprocess is told."""

    root: Path
    inventory: Inventory
    targets: tuple[str, ...]
    fault_targets: Mapping[str, Sequence[str]]
    xml_path: Path
    timeout_s: float

    @property
    def inventory_path(self) -> Path:
        return self.root / self.inventory.source


class _Case(TestCase):
    """A test case with the attribute that pytest's `xunit1` adds."""

    file = Attr()


def _run(session: _Session, paths: Sequence[str]) -> tuple[str | None, list[_Case]]:
    """The test cases that pytest reports, and what makes all of them worthless, if anything does."""
    if not paths:
        return None, []
    mask = _masker(session.inventory.endpoint)
    Path("~/.ansible/cp").expanduser().mkdir(mode=0o700, parents=True, exist_ok=True)  # no folder, no shared connection
    # pytest's own reports stay in a private folder until they are known to carry no secret.
    with tempfile.TemporaryDirectory(prefix="drill-checks-") as private:
        raw, log = Path(private, "junit.xml"), Path(private, "log")
        code = _wait(session, _command(session, paths, raw), log)
        tail = mask(log.read_text(errors="replace"))[-2000:].strip()
        if code is None:
            return f"the checks did not end within {session.timeout_s:g} s\n{tail}", []
        if not raw.exists():
            return f"pytest ended with exit status {code} and no report\n{tail}", []
        text = mask(raw.read_text(encoding="utf-8", errors="replace"))
    fresh = session.xml_path.with_suffix(".new")
    fresh.write_text(text, encoding="utf-8")
    fresh.replace(session.xml_path)  # whole or not at all
    cases = _cases(text)
    if cases is None:
        return f"pytest ended with exit status {code} and a damaged report\n{tail}", []
    return (None if code in _RAN else f"pytest ended with exit status {code}\n{tail}"), cases


def _cases(text: str) -> list[_Case] | None:
    """The test cases of a JUnit XML; None if it is cut off or otherwise no XML."""
    try:
        suites = JUnitXml.fromstring(text.encode())
    except (SyntaxError, JUnitXmlError):  # SyntaxError: what XML parsers raise
        return None
    return [case for suite in suites for case in suite.iterchildren(_Case)]  # type: ignore[no-untyped-call]


def _command(session: _Session, paths: Sequence[str], xml: Path) -> list[str]:
    settings = {"addopts": "", "junit_family": "xunit1", "empty_parameter_set_mark": "fail_at_collect"}
    return [
        *(sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q", "--tb=short", "--no-header"),
        *("-p", "testinfra.plugin", "-p", "drill_runner.pytest_plugin", "-p", "no:logging"),
        *(part for key, value in settings.items() for part in ("-o", f"{key}={value}")),
        *("--import-mode=importlib", "--continue-on-collection-errors", f"--rootdir={session.root}"),
        *(f"--junit-xml={xml}", f"--ansible-inventory={session.inventory_path}"),
        f"--drill-targets={','.join(session.targets)}",
        *(f"--fault-targets={fault}={','.join(hosts)}" for fault, hosts in session.fault_targets.items()),
        *("--", *paths),
    ]


def _environment(session: _Session) -> dict[str, str]:
    """Ours, with this project's Ansible, and nothing that would make pytest another pytest."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("PYTEST_")}
    return kept | {
        "ANSIBLE_CONFIG": str(session.root / "ansible.cfg"),
        "ANSIBLE_INVENTORY": str(session.inventory_path),
        # testinfra looks for ansible-inventory on PATH; it lies beside this Python, activated or not.
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
        # Plugins are named one by one: the user's others cost seconds and could change what a check means.
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def _wait(session: _Session, command: Sequence[str], log: Path) -> int | None:
    """The exit status; None when it had to be ended. Output goes to a file: a pipe would wait for ssh's masters too."""
    with log.open("wb") as out:
        process = subprocess.Popen(
            command,
            env=_environment(session),
            cwd=session.root,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            return process.wait(timeout=session.timeout_s)
        except subprocess.TimeoutExpired:
            return None
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def _belongs(case: _Case, path: Path) -> bool:
    """By the file; a file that could not be imported has a case that carries its name alone."""
    file: str | None = case.file
    return file == str(path) if file else case.name == ".".join(path.with_suffix("").parts)


def _judge(case: _Case) -> tuple[Outcome, float, str | None]:
    seconds = case.time or 0.0
    entries = list(case.result)
    if not entries:
        return "passed", seconds, None
    said_no = all(isinstance(entry, Failure) and _ASSERTION.match(entry.message or "") for entry in entries)
    return "failed" if said_no else "broken", seconds, "\n".join(_messages(entries))


def _messages(entries: Sequence[FinalResult]) -> Iterator[str]:
    for entry in entries:
        text, said = (entry.text or "").strip(), entry.message or entry.type or "no message"
        if isinstance(entry, Skipped):
            yield f"skipped: {said}"
        elif isinstance(entry, Error):
            yield _raised(text) if said == _COLLECTION else said
            yield text[-2000:]
        else:
            yield said


def _raised(traceback: str) -> str:
    """The last exception of a short traceback, whose lines pytest marks with an E."""
    marked = [line.startswith("E ") for line in traceback.splitlines()]
    starts = [at for at, now in enumerate(marked) if now and not (at and marked[at - 1])]
    return traceback.splitlines()[starts[-1]][1:].strip() if starts else _COLLECTION


def _masker(endpoint: Endpoint) -> Callable[[str], str]:
    """Hides the service's API key; without a readable key there is nothing that a check could have let out."""
    try:
        key = Path(endpoint.api_key_file or "").expanduser().read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        key = ""
    return lambda text: text.replace(key, "[API key]") if key else text
