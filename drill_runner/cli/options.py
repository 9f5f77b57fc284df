"""Arguments and options that several commands share. Light: completion imports it."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import click
from click.shell_completion import CompletionItem

Command = TypeVar("Command", bound=Callable[..., object])


def examples(*lines: str) -> str:
    """The examples at the end of a command's help, each on a line of its own."""
    return "\n  ".join(("\b\nExamples:", *lines))  # \b: click keeps the lines as they are


def _complete_drill(context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    # Nothing else of the catalogue: a press of TAB must not wait for pydantic.
    named = context.find_root().params.get("project")
    folders = [Path(named)] if named else [Path.cwd(), *Path.cwd().parents, Path(__file__).resolve().parents[2]]
    drills = next((folder / "drills" for folder in folders if (folder / "drills").is_dir()), None)
    names = sorted(path.stem for path in drills.glob("*.yml")) if drills else []
    return [CompletionItem(name) for name in names if name.startswith(incomplete)]


drill_argument = click.argument("drill", shell_complete=_complete_drill)
"""A drill's name, or the path of its file."""

inventory_option = click.option(
    "-i",
    "--inventory",
    type=click.Path(path_type=Path),
    envvar="ANSIBLE_INVENTORY",
    show_envvar=True,
    help="Inventory, a file or a folder. [default: the project's inventories/lab]",
)

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")


def json_as(*schemas: str) -> Callable[[Command], Command]:
    """The same for JSON that has a published schema."""
    named = " or ".join(f"`drill_runner schema {name}`" for name in schemas)
    return click.option("--json", "as_json", is_flag=True, help=f"Print JSON, for programs; its schema: {named}.")
