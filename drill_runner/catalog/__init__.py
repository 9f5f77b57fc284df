"""Reads what people wrote: fault manifests, argument specs, drills and the inventory. The only YAML reader.

What it does not know it refuses, in one message that names the file, the line, the key and what was expected.
"""

from drill_runner.catalog.coverage import coverage
from drill_runner.catalog.drills import check_names, drill_names, drill_path, load_drill, load_drills
from drill_runner.catalog.faults import load_faults
from drill_runner.catalog.inventory import load_inventory, match_hosts
from drill_runner.catalog.project import Project, find_project
from drill_runner.catalog.studies import load_studies

__all__ = [
    "Project",
    "check_names",
    "coverage",
    "drill_names",
    "drill_path",
    "find_project",
    "load_drill",
    "load_drills",
    "load_faults",
    "load_inventory",
    "load_studies",
    "match_hosts",
]
