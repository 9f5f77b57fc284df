"""How much of what breaks in the field faults stand for."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from drill_runner.catalog import coverage, load_studies
from drill_runner.cli import main
from drill_runner.errors import UsageError
from drill_runner.model.fault import Fault, Fidelity, Manifest, StandsFor
from drill_runner.model.study import Study
from tests.unit.project_tree import make_project, write

STUDY = Study(
    id="field",
    title="The field",
    unit="incidents",
    whole=200,
    checked="table",
    classes={"rust": 20, "rain": 100, "moles": 50},
)


def fault(name: str, fidelity: Fidelity, *stands_for: StandsFor) -> Fault:
    manifest = Manifest(summary="Breaks.", fidelity=fidelity, target_group="servers", stands_for=stands_for)
    return Fault(name=name, manifest=manifest)


def field(*classes: str, fidelity: Fidelity | None = None) -> StandsFor:
    return StandsFor(study="field", classes=classes, fidelity=fidelity)


class TestCoverage:
    def test_nothing(self) -> None:
        found = coverage(STUDY, [fault("idle", Fidelity.REAL)])
        assert (found.share, found.rehearsed) == (0, ())
        assert [(gap.name, gap.count, gap.share) for gap in found.missing] == [
            ("rain", 100, 0.5),
            ("moles", 50, 0.25),
            ("rust", 20, 0.1),
        ]

    def test_shares_are_of_the_whole_and_not_of_the_rows(self) -> None:
        found = coverage(STUDY, [fault("hose", Fidelity.REAL, field("rain"))])
        assert found.share == 0.5
        assert found.without_class is not None
        assert (found.without_class.count, found.without_class.share) == (30, 0.15)

    def test_rows_that_sum_to_the_whole_leave_nothing(self) -> None:
        thirds = Study(
            id="t", title="T", unit="percent", whole=1, checked="table", classes={"a": 0.1, "b": 0.2, "c": 0.7}
        )
        assert coverage(thirds, []).without_class is None

    def test_a_class_counts_once_at_its_best(self) -> None:
        found = coverage(
            STUDY,
            [
                fault("alarm", Fidelity.TELEMETRY, field("rain", "rust")),
                fault("hose", Fidelity.FAITHFUL, field("rain")),
                fault("cloud", Fidelity.REAL, field("rain")),
            ],
        )
        rain, rust = found.rehearsed
        assert (rain.name, rain.fidelity, rain.faults) == ("rain", Fidelity.REAL, ("cloud", "hose", "alarm"))
        assert (rust.name, rust.fidelity, rust.faults) == ("rust", Fidelity.TELEMETRY, ("alarm",))
        assert found.share_by_fidelity == {Fidelity.REAL: 0.5, Fidelity.FAITHFUL: 0, Fidelity.TELEMETRY: 0.1}
        assert found.share == pytest.approx(0.6)

    def test_a_fault_may_be_less_true_to_one_class_than_to_another(self) -> None:
        cloud = fault("cloud", Fidelity.REAL, field("rain"), field("rust", fidelity=Fidelity.FAITHFUL))
        assert {each.name: each.fidelity for each in coverage(STUDY, [cloud]).rehearsed} == {
            "rain": Fidelity.REAL,
            "rust": Fidelity.FAITHFUL,
        }

    def test_a_class_of_the_same_name_in_another_study_is_another(self) -> None:
        other = StandsFor(study="elsewhere", classes=("rain",))
        assert coverage(STUDY, [fault("cloud", Fidelity.REAL, other)]).share == 0


class TestStudies:
    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("studies: []", "studies: must not be empty"),
            (
                "studies: [{id: f, title: F, unit: u, whole: 3, checked: table, classes: {a: 2, b: 2}}]",
                "studies[0]: the classes sum to 4, more than the whole of 3",
            ),
            (
                "studies: [{id: f, title: F, unit: u, checked: table, classes: {a: 2}}]",
                "studies[0].whole: missing",
            ),
            (
                "studies: [{id: f, title: F, unit: u, whole: 3, checked: rumour, classes: {a: 2}}]",
                "studies[0].checked: must be 'table', 'abstract' or 'memory', not 'rumour'",
            ),
        ],
    )
    def test_what_is_wrong_is_named(self, tmp_path: Path, text: str, message: str) -> None:
        with pytest.raises(UsageError) as raised:
            load_studies(write(tmp_path / "package/data/studies.yml", text))
        assert message in str(raised.value)
        assert str(raised.value).startswith("package/data/studies.yml:1: ")


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = make_project(tmp_path / "project")
    manifest = made.roles / "fault_flip/meta/fault.yml"
    write(
        manifest,
        manifest.read_text()
        + "stands_for: [{study: llm_inference_incidents, classes: [inference_engine_other], fidelity: faithful}]\n",
    )
    monkeypatch.chdir(made.root)
    monkeypatch.setenv("COLUMNS", "120")


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments, prog_name="drill_runner")


@pytest.mark.usefixtures("command")
class TestCommand:
    def test_for_people(self) -> None:
        shown = run("list", "faults", "--coverage")
        assert (shown.exit_code, shown.stderr) == (0, "")
        lines = [" ".join(line.split()) for line in shown.stdout.splitlines()]
        assert "Can be rehearsed: 36.0 % (real 0.0 %, faithful 36.0 %, telemetry 0.0 %)" in lines
        assert "inference_engine_other 36 36.0 % faithful flip" in lines
        assert "faulty_gpu 148 35.3 % not covered -" in lines
        assert any("figures read in its abstract only" in line for line in lines)
        for study in load_studies().values():
            assert study.title in lines
            for name, count in study.classes.items():
                assert any(line.startswith(f"{name} {count:g} ") for line in lines), f"{name} is hidden"

    def test_for_programs(self) -> None:
        told = {each["study"]["id"]: each for each in json.loads(run("list", "faults", "--coverage", "--json").stdout)}
        assert list(told) == list(load_studies())
        assert told["llm_inference_incidents"]["share_by_fidelity"] == {"real": 0, "faithful": 0.36, "telemetry": 0}
        assert told["llama3_405b"]["missing"][0] == {"name": "faulty_gpu", "count": 148, "share": 148 / 419}

    def test_of_faults_only(self) -> None:
        refused = run("list", "drills", "--coverage")
        assert (refused.exit_code, refused.stderr) == (2, "Error: --coverage: expected with faults, not with drills\n")
