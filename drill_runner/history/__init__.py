"""Many runs beside each other: what a repeated drill means, how B stands to A, and the past of each drill.

Reads results only, judges nothing again. Pure, but for `folders` (finds runs on disk) and `store` (a cache of them).
"""

from drill_runner.history.compare import compare, comparison_json, comparison_schema
from drill_runner.history.folders import SUMMARY, Runs, is_repeated, read_result, run_folders, runs_of
from drill_runner.history.past import pasts, pasts_json, pasts_schema
from drill_runner.history.rows import row
from drill_runner.history.store import stored_rows
from drill_runner.history.summary import draws, read_summary, summarise, summary_json, summary_schema

__all__ = [
    "SUMMARY",
    "Runs",
    "compare",
    "comparison_json",
    "comparison_schema",
    "draws",
    "is_repeated",
    "pasts",
    "pasts_json",
    "pasts_schema",
    "read_result",
    "read_summary",
    "row",
    "run_folders",
    "runs_of",
    "stored_rows",
    "summarise",
    "summary_json",
    "summary_schema",
]
