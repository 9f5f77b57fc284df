"""`drill_runner plan`."""

from pathlib import Path

import click
from pydantic import TypeAdapter

from drill_runner.cli.options import drill_argument, examples, inventory_option, json_option
from drill_runner.cli.planning import plan_for, project_of
from drill_runner.cli.settings import Settings
from drill_runner.model.plan import Plan
from drill_runner.report.plan_text import plan_text


@click.command(
    "plan",
    epilog=examples(
        "drill_runner plan server_crash",
        "drill_runner plan ~/my_drill.yml -i inventories/prod",
        "drill_runner plan host_loss --json | jq .leases",
    ),
)
@drill_argument
@inventory_option
@json_option
@click.pass_obj
def command(settings: Settings, drill: str, inventory: Path | None, as_json: bool) -> None:
    """Show what a drill would do, step by step; touches nothing.

    DRILL is the name of a file in drills/, or the path of one anywhere.
    """
    plan = plan_for(project_of(settings), drill, inventory)
    click.echo(TypeAdapter(Plan).dump_json(plan, indent=2) if as_json else plan_text(plan), nl=as_json)
