"""Where a project is, and what lies where in it."""

from pathlib import Path

from drill_runner.errors import UsageError
from drill_runner.model.base import data

MARKERS = ("drills", "playbooks", "roles")
"""Folders that make a folder a project."""


@data
class Project:
    """A checkout of the suite, or one's own folder laid out like it."""

    root: Path

    @property
    def roles(self) -> Path:
        """Ansible roles; a fault is one called `fault_<name>`."""
        return self.root / "roles"

    @property
    def drills(self) -> Path:
        """Drills, one YAML file each."""
        return self.root / "drills"

    @property
    def playbooks(self) -> Path:
        """Playbooks, one YAML file each."""
        return self.root / "playbooks"

    @property
    def checks(self) -> Path:
        """Post-conditions that belong to no single fault."""
        return self.root / "tests" / "postconditions"

    @property
    def runs(self) -> Path:
        """What runs left, one folder each."""
        return self.root / "runs"

    @property
    def lab_inventory(self) -> Path:
        """The inventory that is meant when none is named."""
        return self.root / "inventories" / "lab"

    @property
    def ansible_config(self) -> Path:
        """The one configuration of Ansible for everything in the project."""
        return self.root / "ansible.cfg"

    def shown(self, path: Path) -> str:
        """`path` as a person would type it in the project's root."""
        return str(path.relative_to(self.root)) if path.is_relative_to(self.root) else str(path)


def find_project(explicit: Path | None, cwd: Path) -> Project:
    """The project that is named, else the one around `cwd`, else the checkout that this package runs from.

    Args:
        explicit: The folder that was asked for by name; then no other will do.
        cwd: Where the search starts, upwards.

    Raises:
        UsageError: There is no project in any of these places.
    """
    if explicit is not None:
        if missing := _missing(explicit):
            raise UsageError(f"{explicit}: not a project: it has no folder {' and no folder '.join(missing)}")
        return Project(root=explicit.resolve())
    checkout = Path(__file__).resolve().parents[2]
    for folder in (cwd, *cwd.parents, checkout):
        if not _missing(folder):
            return Project(root=folder.resolve())
    raise UsageError(
        f"{cwd}: no project here or above: expected a folder with {', '.join(MARKERS)}; "
        "name one by --project or DRILL_RUNNER_PROJECT"
    )


def _missing(folder: Path) -> list[str]:
    return [name for name in MARKERS if not (folder / name).is_dir()]
