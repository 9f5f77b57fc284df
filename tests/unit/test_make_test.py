"""`make test` runs things side by side: none may fail unseen, and none may run on when it is interrupted."""

import os
import signal
import subprocess
from pathlib import Path

import pytest

from tests.waiting import PATIENCE_S, wait_until

pytestmark = pytest.mark.slow  # starts processes and waits for them

SCRIPT = Path(__file__).parents[2] / "tools" / "test_hosts.sh"
SIMULATED_MAKE = """\
#!/bin/sh
cd {folder}
echo "$1 $(nice) ${{LAB_HOST_WEIGHT:-none}}" >>order
if [ -e "wait-$1" ]; then : >"began-$1"; exec sleep {patience}; fi
cat "says-$1" 2>/dev/null || echo "$1 says so"
[ ! -e "fails-$1" ]
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The script alone, and a `make` that only notes what it was asked for."""
    for name, text in {
        "tools/test_hosts.sh": SCRIPT.read_text(),
        "bin/make": SIMULATED_MAKE.format(folder=tmp_path, patience=PATIENCE_S),
    }.items():
        path = tmp_path / name
        path.parent.mkdir()
        path.write_text(text)
        path.chmod(0o755)
    return tmp_path


def begin(project: Path) -> subprocess.Popen[str]:
    """As from a terminal, whatever runs these tests: not deaf to Ctrl-C, and with no weight asked for."""
    told = {name: value for name, value in os.environ.items() if name != "LAB_HOST_WEIGHT"}
    return subprocess.Popen(
        [project / "tools" / "test_hosts.sh"],
        env={**told, "PATH": f"{project / 'bin'}:{os.environ['PATH']}"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509 -- no threads here
    )


def test_what_is_judged_by_the_clock_has_nothing_beside_it_but_what_stands_back(project: Path) -> None:
    with begin(project) as run:
        assert run.wait() == 0
    asked = {line.split()[0]: line.split()[1:] for line in (project / "order").read_text().splitlines()}
    mine = str(os.nice(0))
    assert asked == {
        "lab-up": [mine, "none"],
        "check-slow": [mine, "16"],
        "drills": [mine, "none"],
        "molecule": ["19", "16"],
    }


def test_of_a_long_log_what_failed_is_shown(project: Path) -> None:
    failures = [
        "fatal: [gpu1]: FAILED! => changed=false",
        "E       AssertionError: 8 of 115 failed, first (503, None)",
        "FAILED test_load_balancer.py::test_a_hurt_replica_costs_no_request",
    ]
    more = [f"scenario {number}: successful" for number in range(60)]
    molecule = [f"  \x1b[2m│\x1b[0m {line}" for line in (*more, *failures, *more)]
    (project / "says-molecule").write_text("\n".join(molecule) + "\n")
    (project / "fails-molecule").touch()
    with begin(project) as run:
        out, _ = run.communicate()
    end = out[out.index("Failed: make molecule") :]
    assert all(f"  │ {line}\n" in end for line in failures)
    assert len(end.splitlines()) < 20


@pytest.mark.parametrize("target", ["check-slow", "drills", "molecule"])
def test_a_failure_fails_the_whole_and_stands_at_its_end(project: Path, target: str) -> None:
    (project / f"fails-{target}").touch()
    with begin(project) as run:
        out, _ = run.communicate()
    assert run.returncode == 1
    assert out.splitlines()[-2:] == [
        f"Failed: make {target} (.test-logs/{target}.log):",
        f"{target} says so",
    ]
    assert {line.split()[0] for line in (project / "order").read_text().splitlines()} >= {"drills", "molecule"}


def test_without_a_lab_nothing_is_tried_on_it(project: Path) -> None:
    (project / "fails-lab-up").touch()
    with begin(project) as run:
        assert run.wait() != 0
    assert "drills" not in (project / "order").read_text()


@pytest.mark.parametrize(("at", "beside"), [("lab-up", "check-slow"), ("drills", "molecule")])
def test_nothing_runs_on_after_a_ctrl_c(project: Path, at: str, beside: str) -> None:
    for target in (at, beside):
        (project / f"wait-{target}").touch()
    with begin(project) as run:
        wait_until(lambda: (project / f"began-{at}").exists() and (project / f"began-{beside}").exists())
        os.killpg(run.pid, signal.SIGINT)  # as a terminal does: to the group that is in its foreground
        out, _ = run.communicate()
    assert run.returncode == 130
    assert "molecule destroy" in out
    wait_until(lambda: not subprocess.run(["pgrep", "-f", str(project)], capture_output=True, check=False).stdout)
