"""`drill_runner compare`."""

import click
from rich.console import Console

from drill_runner.catalog import Project
from drill_runner.cli.options import examples, json_as
from drill_runner.cli.planning import project_of
from drill_runner.cli.settings import ExitCode, Settings
from drill_runner.cli.stored import complete_run, run_folder
from drill_runner.history import compare, comparison_json, is_repeated, read_result, row, runs_of
from drill_runner.model.summary import Judgement, RunRow
from drill_runner.report import RESULT
from drill_runner.report.many import show_comparison

GATE = {
    Judgement.WORSE: ExitCode.FAILED,
    Judgement.UNKNOWN: ExitCode.INCONCLUSIVE,
    Judgement.SAME: ExitCode.PASSED,
    Judgement.BETTER: ExitCode.PASSED,
}


@click.command(
    "compare",
    epilog=examples(
        "drill_runner compare 20261101T090000Z-server_crash latest",
        "drill_runner compare baselines/server_crash-x20 latest --gate",
        "drill_runner compare A B --json | jq .judgement",
    ),
)
@click.argument("a", shell_complete=complete_run)
@click.argument("b", shell_complete=complete_run)
@click.option("--gate", is_flag=True, help="Exit 1 if B is worse beyond the noise, 3 if that cannot be told, else 0.")
@json_as("comparison")
@click.pass_obj
def command(settings: Settings, a: str, b: str, gate: bool, as_json: bool) -> ExitCode:
    """Say whether B, the candidate, is worse than A, the baseline.

    A and B are folders of runs or of repeated drills, their names under runs/, or `latest`. Two single runs differ if
    their intervals do not overlap; two repeated drills, if the 95 % confidence interval of the difference of their
    medians does not hold zero. What B alone knows decides nothing; what A alone knows cannot be told.
    """
    project = project_of(settings)
    (a_id, a_runs), (b_id, b_runs) = _side(project, a), _side(project, b)
    found = compare(a_id, a_runs, b_id, b_runs)
    if as_json:
        click.echo(comparison_json(found), nl=False)
    else:
        show_comparison(found, Console())
    return GATE[found.judgement] if gate else ExitCode.PASSED


def _side(project: Project, name: str) -> tuple[str, list[RunRow]]:
    folder = run_folder(project, name)
    folders = list(runs_of(folder)) if is_repeated(folder) else [folder]
    return folder.name, [row(read_result(one / RESULT)) for one in folders]
