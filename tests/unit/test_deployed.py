from pathlib import Path

import pytest

from drill_runner import deployed
from drill_runner.catalog import Project
from drill_runner.model.inventory import Endpoint, Host, Inventory


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Project, Inventory]:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    root = tmp_path / "project"
    for folder in ("roles/llm_server/tasks", "playbooks", "plugins", "inventories/lab"):
        (root / folder).mkdir(parents=True)
    (root / "roles/llm_server/tasks/main.yml").write_text("[]\n")
    (root / "roles/llm_server/README.md").write_text("words\n")
    (root / "ansible.cfg").write_text("[defaults]\n")
    (root / "requirements.lock").write_text("\n")
    (root / "inventories/lab/hosts.yml").write_text("all:\n")
    key = tmp_path / "home/key"
    key.parent.mkdir()
    key.write_text("first-key")
    endpoint = Endpoint(url="http://127.0.0.1:8000", model="m", api_key_file=str(key))
    source = str(root / "inventories/lab")
    return Project(root=root), Inventory(source=source, hosts=(Host(name="gpu1"),), endpoint=endpoint)


def test_nothing_is_current_before_the_first_deployment(lab):
    assert not deployed.is_current(*lab)


def test_what_was_deployed_is_current_until_it_is_forgotten(lab):
    deployed.remember(*lab)
    assert deployed.is_current(*lab)
    deployed.forget(lab[1])
    assert not deployed.is_current(*lab)
    deployed.forget(lab[1])


@pytest.mark.parametrize("changed", ["roles/llm_server/tasks/main.yml", "ansible.cfg", "inventories/lab/hosts.yml"])
def test_any_input_counts(lab, changed):
    deployed.remember(*lab)
    (lab[0].root / changed).write_text("other\n")
    assert not deployed.is_current(*lab)


def test_a_new_input_counts(lab):
    deployed.remember(*lab)
    (lab[0].root / "playbooks/new.yml").write_text("[]\n")
    assert not deployed.is_current(*lab)


def test_words_for_people_do_not_count(lab):
    deployed.remember(*lab)
    (lab[0].root / "roles/llm_server/README.md").write_text("better words\n")
    assert deployed.is_current(*lab)


def test_a_lab_made_again_is_another_one(lab, tmp_path):
    deployed.remember(*lab)
    (tmp_path / "home/key").write_text("second-key")
    assert not deployed.is_current(*lab)
    (tmp_path / "home/key").unlink()
    assert not deployed.is_current(*lab)


def test_the_key_is_in_no_stamp(lab, tmp_path):
    deployed.remember(*lab)
    stamps = list((tmp_path / "home/.cache/drill_runner/deployed").iterdir())
    assert len(stamps) == 1
    assert "first-key" not in stamps[0].read_text()
