"""A click group whose commands are imported when they run, and whose errors become exit codes."""

import errno
import importlib
import traceback
from collections.abc import Mapping

import click
from typing_extensions import override

from drill_runner.cli.settings import ExitCode, Settings
from drill_runner.errors import UsageError


class LazyGroup(click.Group):
    """Knows its commands' names and first lines from a table; the rest comes from `drill_runner.cli.<name>`."""

    def __init__(self, *, table: Mapping[str, str], **attributes: object) -> None:
        """Take the table and what click's own group takes."""
        super().__init__(**attributes)  # type: ignore[arg-type]
        self.table = table

    @override
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.table)

    @override
    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.table:
            return None
        command: click.Command = importlib.import_module(f"drill_runner.cli.{cmd_name}").command
        return command

    @override
    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(self.table.items()))

    @override
    def invoke(self, ctx: click.Context) -> None:
        """Run the command; what it returns or raises becomes an exit code, and at most one message."""
        try:
            code = super().invoke(ctx)
        except UsageError as error:
            click.echo(f"Error: {error}", err=True)
            ctx.exit(ExitCode.REFUSED)
        except (KeyboardInterrupt, click.Abort):
            click.echo("Interrupted.", err=True)
            ctx.exit(ExitCode.INTERRUPTED)
        except (click.ClickException, click.exceptions.Exit):
            raise
        except Exception as error:
            if isinstance(error, OSError) and error.errno == errno.EPIPE:  # the reader has seen enough
                raise
            _explain(error, ctx.obj)
            raise click.exceptions.Exit(ExitCode.OWN_ERROR) from error
        ctx.exit(code or ExitCode.PASSED)


def _explain(error: Exception, settings: Settings | None) -> None:
    if settings is not None and settings.debug:
        click.echo("".join(traceback.format_exception(error)), err=True, nl=False)
        return
    click.echo(f"Error in drill_runner itself: {type(error).__name__}: {error}", err=True)
    click.echo("Run again with `drill_runner --debug …` to see where.", err=True)
