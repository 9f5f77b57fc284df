"""What molecule takes for green though nothing was tested: a playbook that is missing, a verify without tests."""

from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
BASE = yaml.safe_load((ROOT / ".config/molecule/config.yml").read_text())
SCENARIOS = sorted((ROOT / "molecule").glob("*/molecule.yml"))
PLAYBOOKS = {"prepare", "converge", "cleanup", "side_effect"}
HAVE_SCENARIO = ("gpu_host", "llm_server", "load_balancer", "backup_repository", "model_backup", "restore_rehearsal")


def problems(file: Path) -> list[str]:
    """What would pass in a scenario without having been tested."""
    own = yaml.safe_load(file.read_text()) or {}
    sequence = own.get("scenario", {}).get("test_sequence") or BASE["scenario"]["test_sequence"]
    playbooks = BASE["ansible"]["playbooks"] | own.get("ansible", {}).get("playbooks", {})
    found = []
    for step in sequence:
        name, *arguments = step.split()
        if arguments:
            found.append(f"{step}: a step with arguments may do nothing")
        if name in PLAYBOOKS and not (file.parent / str(playbooks.get(name, "missing"))).exists():
            found.append(f"{name}: no playbook {playbooks.get(name)}")
    if "verify" not in sequence:
        found.append("verify: not in test_sequence")
    more = own.get("verifier", {}).get("additional_files_or_dirs", [])
    found += [f"verify: no file {path}" for path in more if not list(file.parent.glob(path))]
    if not more and not list(file.parent.glob("test_*.py")):
        found.append("verify: no tests")
    return found


@pytest.mark.parametrize("file", SCENARIOS, ids=lambda file: file.parent.name)
def test_a_scenario_tests_what_it_says(file):
    assert problems(file) == []


@pytest.mark.parametrize("role", HAVE_SCENARIO)
def test_a_role_has_a_scenario_that_runs_it_twice(role):
    own = yaml.safe_load((ROOT / "molecule" / role / "molecule.yml").read_text()) or {}
    sequence = own.get("scenario", {}).get("test_sequence") or BASE["scenario"]["test_sequence"]
    assert "idempotence" in sequence
    assert role in (ROOT / "molecule" / role / "converge.yml").read_text()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("scenario: {test_sequence: [prepare, verify]}", "prepare: no playbook prepare.yml"),
        ("scenario: {test_sequence: [converge]}", "verify: not in test_sequence"),
        ("scenario: {test_sequence: [side_effect x.yml, verify]}", "side_effect: no playbook None"),
        ("scenario: {test_sequence: [verify]}", "verify: no tests"),
        ("verifier: {additional_files_or_dirs: [../nowhere.py]}", "verify: no file ../nowhere.py"),
    ],
)
def test_each_false_green_is_found(tmp_path, text, problem):
    file = tmp_path / "molecule.yml"
    file.write_text(text)
    assert problem in problems(file)
