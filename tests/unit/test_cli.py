import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from pydantic import TypeAdapter

from drill_runner import __version__
from drill_runner.catalog import Project
from drill_runner.cli import COMMANDS, main
from drill_runner.cli.settings import ExitCode
from drill_runner.model.plan import Plan
from drill_runner.model.sample import PoolSample
from tests.unit.project_tree import make_project, replace, write

RESULT = {
    "version": 1,
    "run_id": "20261124T100404Z-bitrot",
    "drill": "bitrot",
    "summary": "Bits rot.",
    "started_utc": "2026-11-24T10:04:04Z",
    "verdict": "failed",
    "faults": {"flip": ["one"]},
    "versions": {},
} | {name: [] for name in ("reasons", "objectives", "episodes", "windows", "phases", "marks", "checks")}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    made = make_project(tmp_path / "project")
    monkeypatch.chdir(made.root)
    monkeypatch.delenv("ANSIBLE_INVENTORY", raising=False)
    monkeypatch.delenv("DRILL_RUNNER_PROJECT", raising=False)
    return made


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments, prog_name="drill_runner")


def refused(*arguments: str) -> str:
    result = run(*arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    return result.stderr


class TestAbort:
    @pytest.fixture
    def pool(self, project: Project, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
        """What the load balancer says; nothing is reverted."""
        servers: dict[str, str] = {}

        async def look(url: str, backend: str) -> PoolSample:
            assert (url, backend) == ("http://127.0.0.1:8404/stats;csv", "llm")
            return PoolSample(asked=1.0, answered=1.0, servers=servers)

        monkeypatch.setattr("drill_runner.cli.abort.look", look)
        monkeypatch.setattr("drill_runner.cli.abort.play", lambda *_: ExitCode.PASSED)
        replace(
            project,
            "inventories/lab/hosts.yml",
            "model: tiny}",
            'model: tiny, pool_stats_url: "http://127.0.0.1:8404/stats;csv", pool_backend: llm}',
        )
        return servers

    def test_who_is_drained_and_the_way_on(self, pool: dict[str, str]) -> None:
        pool |= {"two": "DRAIN", "one": "UP"}
        done = run("abort")
        assert done.exit_code == 0
        assert "Drained: two." in done.stderr
        assert "`drill_runner resume RUN`" in done.stderr
        assert "-i inventories/lab playbooks/undrain.yml --limit two`" in done.stderr

    @pytest.mark.parametrize("servers", [{}, {"one": "UP", "two": "DOWN"}])
    def test_nobody_is(self, pool: dict[str, str], servers: dict[str, str]) -> None:
        pool |= servers
        done = run("abort")
        assert (done.exit_code, done.stderr) == (0, "")


class TestPlan:
    def test_for_people(self, project: Project) -> None:
        result = run("plan", "bitrot")
        assert (result.exit_code, result.stderr) == (0, "")
        assert result.stdout.startswith("bitrot: Bits rot.\n")
        assert f"Inventory:  {project.lab_inventory}\n" in result.stdout
        assert "Will break: one\n" in result.stdout
        assert result.stdout.endswith("Passes if the checks hold.\n")

    def test_for_programs(self, project: Project) -> None:
        result = run("plan", "bitrot", "--json", "-i", "inventories/lab/hosts.yml")
        plan = TypeAdapter(Plan).validate_json(result.stdout, strict=True)
        assert plan.targets == ("one",)
        assert plan.inventory.source == str(project.lab_inventory / "hosts.yml")
        assert plan.leases[0].variables == {"fault_flip_bytes": 1, "fault_flip_mode": "random"}

    def test_a_drill_from_elsewhere_on_an_inventory_from_the_environment(
        self, project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("ANSIBLE_INVENTORY", str(tmp_path / "none"))
        drill = write(tmp_path / "mine.yml", (project.drills / "bitrot.yml").read_text())
        assert refused("plan", str(drill)) == (
            f"Error: {tmp_path / 'none'}: no such inventory; expected a file or a folder\n"
        )
        assert run("plan", "../mine.yml", "-i", "inventories/lab").exit_code == 0

    def test_a_project_by_name(self, project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        assert run("--project", "project", "list", "drills").stdout.splitlines()[1].startswith("bitrot")
        monkeypatch.setenv("DRILL_RUNNER_PROJECT", str(project.root))
        assert run("list").stdout.splitlines()[1].startswith("bitrot")


@pytest.mark.usefixtures("project")
class TestBadInput:
    """One message each, naming file, key and what was expected; no host is touched."""

    def test_unknown_drill(self) -> None:
        assert refused("plan", "bitrott") == (
            "Error: drills/bitrott.yml: no such drill; expected one of bitrot (did you mean bitrot?)\n"
        )

    @pytest.mark.parametrize(
        ("path", "old", "new", "message"),
        [
            (
                "drills/bitrot.yml",
                "fault: flip",
                "fault: flop",
                (
                    "drills/bitrot.yml:3: faults[0].fault: unknown fault flop; expected one of flip, stop "
                    "(did you mean flip?)"
                ),
            ),
            (
                "drills/bitrot.yml",
                "bytes: 1",
                "byte: 1",
                (
                    "drills/bitrot.yml:5: faults[0].params.byte: unknown parameter of flip; expected one of bytes, "
                    "file, mode, quiet, share (did you mean bytes?)"
                ),
            ),
            (
                "drills/bitrot.yml",
                "servers[0]",
                "gpus[0]",
                "drills/bitrot.yml: faults[0].targets: gpus[0] matches no host of {root}/inventories/lab",
            ),
            (
                "drills/bitrot.yml",
                "servers[0]",
                "store",
                (
                    "drills/bitrot.yml: faults[0].targets: store is not in servers, the group that flip breaks; "
                    "expected one, two"
                ),
            ),
            (
                "drills/bitrot.yml",
                "faults:\n",
                "faults: [\n",
                "drills/bitrot.yml:3: not YAML: expected the node content, but found '-'",
            ),
            (
                "inventories/lab/hosts.yml",
                "drill_endpoint:",
                "endpoint:",
                "inventories/lab: drill_endpoint: missing; expected a mapping with url and model in group_vars/all",
            ),
            (
                "inventories/lab/hosts.yml",
                "drill_allowed: true",
                "drill_allowed: false",
                "{root}/inventories/lab: drill_allowed of one: must be true before flip may break it",
            ),
        ],
    )
    def test_names_file_key_and_expectation(
        self, project: Project, path: str, old: str, new: str, message: str
    ) -> None:
        replace(project, path, old, new)
        assert refused("plan", "bitrot") == f"Error: {message.format(root=project.root)}\n"

    def test_an_unknown_command_and_an_unknown_list(self) -> None:
        assert "No such command 'plann'" in refused("plann")
        assert "'fault' is not one of 'faults', 'drills', 'runs', 'audit'" in refused("list", "fault")


class TestRun:
    def test_outside_of_the_windows_nothing_is_begun(self, project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
        replace(project, "inventories/lab/hosts.yml", "one: {", 'one: {drill_windows: ["Mon 00:00-00:01 UTC"], ')
        monkeypatch.setattr("drill_runner.cli.run.run_drill", None)
        message = refused("run", "bitrot")
        assert message.startswith(f"Error: {project.lab_inventory}: drill_windows of one: ")
        assert message.endswith("no opening of the next 15 days is long enough\n")
        assert not project.runs.exists()


class TestDryRun:
    @pytest.fixture(autouse=True)
    def untouched(self, project: Project, state_home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
        """Nothing is carried out, and nothing is written anywhere."""
        for name in ("run_drill", "repeat_drill", "audited"):
            monkeypatch.setattr(f"drill_runner.cli.run.{name}", None)
        before = sorted(project.root.rglob("*"))
        yield
        assert sorted(project.root.rglob("*")) == before
        assert list(state_home.iterdir()) == []

    def test_for_people(self) -> None:
        done = run("run", "bitrot", "--dry-run")
        assert done.exit_code == 0
        assert done.stdout == run("plan", "bitrot").stdout
        for part in ("Will break: one", "Takes: ", "at most: ", "Guard rails:", "drill_windows: one: at any time."):
            assert part in done.stdout
        assert done.stderr.startswith("Dry run: nothing refuses this now. No host was asked: ")

    def test_for_programs(self) -> None:
        plan = TypeAdapter(Plan).validate_json(run("run", "bitrot", "--dry-run", "--json").stdout, strict=True)
        assert plan.targets == ("one",)
        assert plan.guard_rails

    def test_many_times(self) -> None:
        done = run("run", "bitrot", "--dry-run", "--repeat", "3", "--random-delay-s", "4")
        assert "It would be done 3 times, each fault after a wait of 4 s at most." in done.stderr

    def test_what_would_be_refused_is_refused_and_shown_all_the_same(self, project: Project) -> None:
        replace(project, "inventories/lab/hosts.yml", "one: {", 'one: {drill_windows: ["Mon 00:00-00:01 UTC"], ')
        done = run("run", "bitrot", "--dry-run")
        assert done.exit_code == 2
        assert "drill_windows: one: Mon 00:00-00:01 UTC." in done.stdout
        assert "drill_windows of one: " in done.stderr

    def test_an_approval_that_is_missing(self, project: Project) -> None:
        replace(project, "inventories/lab/hosts.yml", "one: {", "one: {drill_approvers: approvers, ")
        done = run("run", "bitrot", "--dry-run")
        assert done.exit_code == 2
        assert "drill_approvers: somebody of approvers must approve it" in done.stdout
        assert "drill_approvers: somebody else must have approved this; expected --approve FILE" in done.stderr


@pytest.mark.usefixtures("project")
class TestList:
    def test_faults(self) -> None:
        assert [line.split() for line in run("list", "faults").stdout.splitlines()] == [
            ["FAULT", "FIDELITY", "BREAKS", "SUMMARY"],
            ["flip", "real", "servers", "Flips", "bits."],
            ["stop", "faithful", "servers", "Stops", "the", "engine."],
        ]
        assert [fault["name"] for fault in json.loads(run("list", "faults", "--json").stdout)] == ["flip", "stop"]

    def test_drills(self) -> None:
        assert "flip on servers[0]" in run("list").stdout
        assert json.loads(run("list", "drills", "--json").stdout)[0]["faults"][0]["params"] == {
            "bytes": 1,
            "mode": "random",
        }

    def test_runs_newest_first(self, project: Project) -> None:
        assert json.loads(run("list", "runs", "--json").stdout) == []
        for name, text in {
            "20261124T100404Z-bitrot": json.dumps(RESULT),
            "20261124T100405Z-bitrot": json.dumps(RESULT | {"version": 2}),
            "20261124T100406Z-bitrot": json.dumps(RESULT)[:-1],
        }.items():
            write(project.runs / name / "result.json", text)
        (project.runs / "20261124T100407Z-bitrot").mkdir()
        assert [line.strip().split(maxsplit=1) for line in run("list", "runs").stdout.splitlines()] == [
            ["RUN", "VERDICT"],
            ["20261124T100407Z-bitrot", "none: not evaluated, or still running"],
            ["20261124T100406Z-bitrot", "none: result.json is damaged, or of a newer version"],
            ["20261124T100405Z-bitrot", "none: result.json has the newer version 2"],
            ["20261124T100404Z-bitrot", "failed"],
        ]


@pytest.mark.usefixtures("project")
class TestWaysOut:
    def test_interrupted(self, monkeypatch: pytest.MonkeyPatch) -> None:
        assert self._raising(monkeypatch, KeyboardInterrupt()) == (130, "Interrupted.\n")

    def test_an_error_of_ones_own(self, monkeypatch: pytest.MonkeyPatch) -> None:
        code, text = self._raising(monkeypatch, RuntimeError("boom"))
        assert code == 70
        assert text.startswith("Error in drill_runner itself: RuntimeError: boom\n")
        assert "Traceback" not in text

    def test_with_its_traceback(self, monkeypatch: pytest.MonkeyPatch) -> None:
        code, text = self._raising(monkeypatch, RuntimeError("boom"), "--debug")
        assert code == 70
        assert text.startswith("Traceback (most recent call last):\n")
        assert text.endswith("RuntimeError: boom\n")

    @staticmethod
    def _raising(monkeypatch: pytest.MonkeyPatch, error: BaseException, *options: str) -> tuple[int, str]:
        def explode(*_: object) -> None:
            raise error

        monkeypatch.setattr("drill_runner.cli.planning.find_project", explode)
        result = run(*options, "plan", "bitrot")
        return result.exit_code, result.stderr


class TestHelp:
    def test_version(self) -> None:
        assert run("--version").stdout == f"drill_runner {__version__}\n"

    def test_names_every_exit_code(self) -> None:
        text = run("--help").stdout
        for line in ("0    passed", "1    failed", "2    wrong usage", "3    inconclusive", "130  interrupted"):
            assert f"\n    {line}" in text

    @pytest.mark.parametrize("name", COMMANDS)
    def test_of_every_command_begins_as_in_the_table_and_has_examples(self, name: str) -> None:
        text = run(name, "--help").stdout
        assert f"\n  Examples:\n    drill_runner {name}" in text
        assert f"\n  {COMMANDS[name].rstrip('.')}" in text

    def test_imports_nothing_slow(self) -> None:
        script = (
            "import sys; from drill_runner.cli import main; main(['-h'], standalone_mode=False); print(*sys.modules)"
        )
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
        loaded = set(done.stdout.splitlines()[-1].split())
        assert "click" in loaded
        assert not loaded & {"pydantic", "yaml", "ansible", "ansible_runner", "rich", "aiohttp", "plotly", "jinja2"}


class TestCompletion:
    @pytest.mark.parametrize(("shell", "word"), [("bash", "complete -o"), ("zsh", "#compdef"), ("fish", "complete --")])
    def test_scripts(self, shell: str, word: str) -> None:
        result = run("completion", shell)
        assert result.exit_code == 0
        assert word in result.stdout
        assert "_DRILL_RUNNER_COMPLETE" in result.stdout

    def test_drills(self, project: Project) -> None:
        write(project.drills / "another.yml", "")
        done = subprocess.run(
            [sys.executable, "-m", "drill_runner"],
            env={"COMP_WORDS": "drill_runner plan b", "COMP_CWORD": "2", "_DRILL_RUNNER_COMPLETE": "bash_complete"},
            cwd=project.drills,
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout == "plain,bitrot\n"
