"""run_checks: only a passed test passes, and a checker that cannot tell is broken. Real pytest, on `local://`."""

import textwrap
from pathlib import Path

import pytest

from drill_runner.model.inventory import Endpoint, Inventory
from drill_runner.model.plan import Phase
from drill_runner.model.record import CheckFinished
from drill_runner.postconditions import _cases, run_checks

pytestmark = pytest.mark.slow  # starts processes and waits for them

KEY = "sk-0123456789abcdef"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "tests/postconditions").mkdir(parents=True)
    (tmp_path / "ansible.cfg").write_text("[defaults]\n")
    (tmp_path / "hosts.yml").write_text("all: {hosts: {here: {ansible_connection: local}}}\n")
    (tmp_path / "key").write_text(KEY + "\n")
    return tmp_path


def write(project: Path, check: str, text: str, folder: str = "tests/postconditions") -> None:
    path = project / folder / f"test_{check}.py"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(textwrap.dedent(text))


def run(
    project: Path, *checks: str, timeout_s: float = 300, fault_targets: dict[str, tuple[str, ...]] | None = None
) -> dict[str, list[CheckFinished]]:
    told: list[CheckFinished] = []
    results = run_checks(
        project,
        checks,
        inventory=Inventory(
            source="hosts.yml",
            hosts=(),
            endpoint=Endpoint(url="http://127.0.0.1:1", model="m", api_key_file=str(project / "key")),
        ),
        targets=("gpu2",),
        fault_targets=fault_targets,
        phase=Phase.POSTCONDITIONS,
        xml_path=project / "checks.xml",
        on_result=told.append,
        timeout_s=timeout_s,
    )
    assert tuple(told) == results
    return {check: [result for result in results if result.check == check] for check in checks}


def outcomes(results: list[CheckFinished]) -> list[str]:
    return [result.outcome for result in results]


def test_a_report_that_is_cut_off_at_any_byte_is_no_report() -> None:
    whole = (
        '<?xml version="1.0"?><testsuites><testsuite><testcase name="a"/><testcase name="b"/></testsuite></testsuites>'
    )
    assert [case.name for case in _cases(whole) or []] == ["a", "b"]
    assert [_cases(whole[:size]) for size in range(len(whole))] == [None] * len(whole)
    assert _cases("<html/>") is None


def test_each_test_ends_as_it_ended(project: Path) -> None:
    local = 'testinfra_hosts = ["local://"]\n'
    write(project, "good", local + "def test_a(host): assert host.run('true').rc == 0\ndef test_b(host): assert True")
    write(project, "bad", local + "def test_a(host): assert host.run('false').rc == 0, 'is down'\ndef test_b(): pass")
    write(project, "raises", "def test_a(): raise OSError('no route')")
    write(project, "unimportable", "import nothing_of_this_name\ndef test_a(): pass")
    write(project, "empty", "def helper(): pass")
    write(project, "skips", "import pytest\n@pytest.mark.skip(reason='not today')\ndef test_a(): pass")
    write(project, "xfails", "import pytest\n@pytest.mark.xfail\ndef test_a(): assert False")
    write(project, "says_no", "import pytest\ndef test_a(): pytest.fail('no replica')")
    write(project, "fixture", "import pytest\n@pytest.fixture\ndef f(): assert False\ndef test_a(f): pass")
    write(project, "no_hosts", 'testinfra_hosts = ["ansible://nobody"]\ndef test_a(host): pass')
    write(
        project,
        "a_host",
        'testinfra_hosts = ["ansible://all"]\ndef test_a(host): assert host.check_output("echo hi") == "hi"',
    )

    results = run(
        project,
        *("good", "bad", "raises", "unimportable", "empty", "skips", "xfails", "says_no", "fixture", "no_hosts"),
        *("a_host", "missing"),
    )

    assert outcomes(results["good"]) == ["passed", "passed"]
    assert outcomes(results["bad"]) == ["failed", "passed"]
    assert (results["bad"][0].message or "").startswith("AssertionError: is down")
    assert outcomes(results["raises"]) == ["broken"]
    assert outcomes(results["unimportable"]) == ["broken"]
    assert (results["unimportable"][0].message or "").startswith("ModuleNotFoundError: No module named 'nothing_of")
    assert outcomes(results["empty"]) == ["broken"]
    assert "no test in it ran" in (results["empty"][0].message or "")
    assert outcomes(results["skips"]) == ["broken"]
    assert "not today" in (results["skips"][0].message or "")
    assert outcomes(results["xfails"]) == ["broken"]
    assert outcomes(results["says_no"]) == ["failed"]
    assert outcomes(results["fixture"]) == ["broken"]
    assert outcomes(results["no_hosts"]) == ["broken"]
    assert outcomes(results["a_host"]) == ["passed"]
    assert outcomes(results["missing"]) == ["broken"]
    assert "tests/postconditions/test_missing.py" in (results["missing"][0].message or "")


def test_a_late_check_breaks_all_of_them(project: Path) -> None:
    write(project, "good", "def test_a(): pass")
    write(project, "hangs", "import time\ndef test_a(): time.sleep(600)")
    results = run(project, "good", "hangs", timeout_s=3)
    assert outcomes(results["good"]) == outcomes(results["hangs"]) == ["broken"]
    assert "within 3 s" in (results["hangs"][0].message or "")


@pytest.mark.parametrize(
    "death", ["import os; os._exit(0)", "import os; os._exit(9)", "import pytest; pytest.exit('bye')"]
)
def test_a_pytest_that_dies_passes_nothing(project: Path, death: str) -> None:
    write(project, "good", "def test_a(): pass")
    write(project, "kills", f"def test_a():\n    {death}")
    results = run(project, "good", "kills")
    assert "broken" in outcomes(results["good"])
    assert "broken" in outcomes(results["kills"])


def test_finds_a_faults_own_checks_and_tells_them_the_targets(project: Path) -> None:
    write(project, "own", "def test_a(drill_targets): assert drill_targets == ('gpu2',)", "roles/fault_x/checks")
    assert outcomes(run(project, "own")["own"]) == ["passed"]


def test_a_check_that_names_no_hosts_runs_on_the_targets_only(project: Path) -> None:
    (project / "hosts.yml").write_text(
        "all: {hosts: {gpu1: {ansible_connection: local}, gpu2: {ansible_connection: local}}}\n"
    )
    write(project, "own", "def test_a(host): assert host.backend.get_hostname() == 'gpu2'", "roles/fault_x/checks")
    results = run(project, "own")["own"]
    assert [(result.name, result.outcome) for result in results] == [("test_a[ansible://gpu2]", "passed")]


def test_keeps_the_key_out_of_messages_and_files(project: Path) -> None:
    write(project, "leaks", f"def test_a(): assert 'Bearer {KEY}' == 'x', 'sent {KEY}'")
    result = run(project, "leaks")["leaks"][0]
    assert (result.message or "").startswith("AssertionError: sent [API key]")
    assert KEY not in (result.message or "")
    assert KEY not in (project / "checks.xml").read_text()


def test_the_endpoint_comes_from_the_inventory(project: Path) -> None:
    (project / "hosts.yml").write_text(
        "all: {hosts: {here: {ansible_connection: local}},"
        " vars: {drill_endpoint: {url: 'http://lb', model: tiny, golden_file: golden.json}}}\n"
    )
    (project / "golden.json").write_text(
        '{"version": 1, "prompts": [{"prompt": "1 2", "max_tokens": 1, "answer": " 3"}]}'
    )
    write(
        project,
        "endpoint",
        """\
        def test_a(drill_endpoint, drill_golden, drill_api_key):
            assert (drill_endpoint.url, drill_endpoint.model) == ("http://lb", "tiny")
            assert [(golden.prompt, golden.answer) for golden in drill_golden] == [("1 2", " 3")]
            assert drill_api_key is None
        """,
    )
    assert outcomes(run(project, "endpoint")["endpoint"]) == ["passed"]


def test_an_inventory_without_the_endpoint_is_no_pass(project: Path) -> None:
    write(project, "endpoint", "def test_a(drill_endpoint): pass")
    result = run(project, "endpoint")["endpoint"][0]
    assert result.outcome == "broken"
    assert "drill_endpoint" in (result.message or "")


def test_the_users_own_pytest_settings_change_nothing(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTEST_ADDOPTS", "-k nothing_matches")
    (project / "pyproject.toml").write_text('[tool.pytest.ini_options]\naddopts = "--no-such-option"\n')
    write(project, "good", "def test_a(): pass")
    assert outcomes(run(project, "good")["good"]) == ["passed"]


def test_the_checks_of_a_fault_run_where_that_fault_was(project: Path) -> None:
    text = "def test_a(host, drill_targets): assert (host.backend.host, drill_targets) == ('here', ('gpu2',))"
    write(project, "own", text, "roles/fault_x/checks")
    assert outcomes(run(project, "own", fault_targets={"x": ("here",), "y": ("gpu2",)})["own"]) == ["passed"]
    assert outcomes(run(project, "own", fault_targets={"y": ("here",)})["own"]) == ["broken"]
