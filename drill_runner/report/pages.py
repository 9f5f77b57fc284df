"""Where the pages' templates, styles and scripts come from."""

from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup

_LOADER = PackageLoader("drill_runner.report")


@cache
def _environment() -> Environment:
    return Environment(loader=_LOADER, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)


def template(name: str) -> Template:
    """A page to be filled."""
    return _environment().get_template(name)


def source(name: str) -> Markup:
    """A file of ours that stands in the page as it is."""
    return Markup(_LOADER.get_source(_environment(), name)[0])  # noqa: S704 -- the package's own file
