"""The incident studies that come with the package, and what the faults' manifests say of them."""

from collections.abc import Mapping
from pathlib import Path

from drill_runner.catalog.project import Project
from drill_runner.catalog.validate import validated
from drill_runner.catalog.yaml_file import YamlFile, read_yaml
from drill_runner.errors import expected_one_of
from drill_runner.model.fault import FIDELITIES, Fidelity, Manifest
from drill_runner.model.study import Studies, Study

STUDIES = Path(__file__).resolve().parents[1] / "data" / "incident-studies.yml"


def load_studies(path: Path = STUDIES) -> dict[str, Study]:
    """Every study by its id, in the file's order.

    Raises:
        UsageError: The file does not say what it must.
    """
    file = read_yaml(Project(root=path.parents[2]), path)
    return {study.id: study for study in validated(Studies, file.value, file.where).studies}


def check_stands_for(file: YamlFile, manifest: Manifest, studies: Mapping[str, Study]) -> None:
    """Refuse a manifest that stands for what no study has, or better than the fault is.

    Raises:
        UsageError: Names file, key and what was expected.
    """
    for index, claim in enumerate(manifest.stands_for):
        at = ("stands_for", index)
        if claim.study not in studies:
            raise file.error(
                (*at, "study"),
                f"unknown study {claim.study}; {expected_one_of(claim.study, studies)} of {STUDIES.name}",
            )
        known = studies[claim.study].classes
        for number, name in enumerate(claim.classes):
            if name not in known:
                raise file.error(
                    (*at, "classes", number),
                    f"{claim.study} has no class {name}; {expected_one_of(name, known)} of {STUDIES.name}",
                )
        if claim.fidelity and _rank(claim.fidelity) < _rank(manifest.fidelity):
            raise file.error(
                (*at, "fidelity"),
                f"{claim.fidelity} is more than the fault itself is; expected {manifest.fidelity} or less",
            )


def _rank(fidelity: Fidelity) -> int:
    return FIDELITIES.index(fidelity)
