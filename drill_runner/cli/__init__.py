"""The command `drill_runner`: a table of commands, each in a file of its own that is imported when it is asked for.

No logic here, and nothing slow to import: `--help` must feel instant. A command's function returns its exit code, or
nothing for 0.
"""

from pathlib import Path

import click

from drill_runner import __version__
from drill_runner.cli.group import LazyGroup
from drill_runner.cli.options import examples
from drill_runner.cli.settings import Settings

COMMANDS = {
    "list": "Show faults, drills or runs, who did what, or how fresh backups are.",
    "plan": "Show what a drill would do, step by step; touches nothing.",
    "run": "Run a drill: break, watch, recover, check, revert, judge.",
    "resume": "Wind down a run whose runner died: end its faults, recover, check, judge.",
    "approve": "Let somebody else run a drill: read its plan, and sign it.",
    "observe": "Watch any OpenAI-compatible service without a drill, and judge it.",
    "report": "Show the result of a stored run.",
    "evaluate": "Judge a stored run again; no host is asked.",
    "history": "Show the last runs of each drill, and where their numbers go.",
    "compare": "Say whether B, the candidate, is worse than A, the baseline.",
    "schema": "Print the JSON Schema of what programs read.",
    "abort": "Revert every lease found on the hosts, whoever armed it.",
    "lab": "Bring the embedded lab up or down.",
    "completion": "Print the completion script of a shell.",
}
"""Name → first line of its help, in the order of the help. `cli/<name>.py` has it as `command`."""


@click.group(
    cls=LazyGroup,
    table=COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=examples("drill_runner list drills", "drill_runner plan server_crash -i inventories/prod")
    + """

\b
Exit codes:
  0    passed, or done
  1    failed
  2    wrong usage, or refused before anything was touched
  3    inconclusive: the drill proves nothing either way
  70   an error in drill_runner itself
  130  interrupted""",
)
@click.option(
    "--project",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    envvar="DRILL_RUNNER_PROJECT",
    show_envvar=True,
    help="Folder with drills/, playbooks/ and roles/, if not the current one or one above it.",
)
@click.option("--debug", is_flag=True, help="Show the traceback of an error in drill_runner itself.")
@click.version_option(__version__, message="%(prog)s %(version)s")
@click.pass_context
def main(context: click.Context, project: Path | None, debug: bool) -> None:
    """Rehearse disasters of a language-model service, and measure how it comes back."""
    context.obj = Settings(project=project, debug=debug)
