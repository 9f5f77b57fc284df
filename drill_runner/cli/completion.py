"""`drill_runner completion`."""

import click
from click.shell_completion import get_completion_class

from drill_runner.cli.options import examples


@click.command(
    "completion",
    epilog=examples(
        "drill_runner completion bash > ~/.local/share/bash-completion/completions/drill_runner",
        "drill_runner completion zsh > ~/.zfunc/_drill_runner",
        "drill_runner completion fish > ~/.config/fish/completions/drill_runner.fish",
    ),
)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def command(context: click.Context, shell: str) -> None:
    """Print the completion script of a shell."""
    kind = get_completion_class(shell)
    if kind is None:
        raise click.UsageError(f"{shell}: click cannot complete in this shell")
    click.echo(kind(context.find_root().command, {}, "drill_runner", "_DRILL_RUNNER_COMPLETE").source())
