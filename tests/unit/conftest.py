"""What holds for every unit test."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from drill_runner.catalog import Project, inventory

# A busy machine is no failure: limits on time live in benches.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")


@pytest.fixture(autouse=True)
def state_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No test writes into the audit log of whoever runs it."""
    folder = tmp_path_factory.mktemp("state")
    monkeypatch.setenv("XDG_STATE_HOME", str(folder))
    return folder


_SAID: dict[tuple[object, ...], str] = {}


@pytest.fixture(autouse=True)
def ansible_starts_once_for_an_inventory(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """What Ansible said of an inventory with the same files; a start takes a second. Slow tests start it each time."""
    if request.node.get_closest_marker("slow"):
        return
    ask = inventory._ansible

    def once(project: Project, shown: str, program: str, *arguments: str) -> str:
        flag, source, *rest = arguments
        assert flag == "-i"
        key = (program, *rest, _files(project.ansible_config), _files(Path(source)))
        if key not in _SAID:
            _SAID[key] = ask(project, shown, program, *arguments)
        return _SAID[key]

    monkeypatch.setattr(inventory, "_ansible", once)


def _files(place: Path) -> tuple[tuple[str, bytes], ...]:
    """Every file's name and contents."""
    paths = sorted(path for path in place.rglob("*") if path.is_file()) if place.is_dir() else [place]
    return tuple((str(path.relative_to(place)), path.read_bytes()) for path in paths if path.exists())
