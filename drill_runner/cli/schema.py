"""`drill_runner schema`."""

import click

from drill_runner.cli.options import examples
from drill_runner.report import schema

TELLS = """\b
Names:
  result      result.json; `run`, `evaluate` and `observe` with --json
  summary     summary.json of a repeated drill; `run --repeat --json`
  comparison  `compare --json`
  history     `history --json`

"""


@click.command(
    "schema",
    epilog=TELLS + examples("drill_runner schema result", "drill_runner schema comparison > comparison.schema.json"),
)
@click.argument("name", type=click.Choice(list(schema.SCHEMAS)))
def command(name: str) -> None:
    """Print the JSON Schema of what programs read."""
    click.echo(schema.path(name).read_text(encoding="utf-8"), nl=False)
