"""The result as one HTML file that works with no network: the verdict, the timeline, the evidence."""

import base64
import hashlib
from collections.abc import Sequence
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from drill_runner.model.plan import AnyPlan, Plan
from drill_runner.model.result import Result
from drill_runner.model.sample import Sample
from drill_runner.report import timeline, wording


def render(result: Result, samples: Sequence[Sample], plan: AnyPlan | None) -> str:
    """The whole page; without a plan it says less of what was meant."""
    environment = _environment()
    scripts = _scripts(environment)
    return environment.get_template("report.html.j2").render(
        result=result,
        plan=plan,
        drill=plan.drill if isinstance(plan, Plan) else None,
        words=wording,
        timeline=Markup(timeline.build(result, samples, plan).to_json()),  # noqa: S704 -- to_json escapes < > &
        style=_source(environment, "report.css"),
        scripts=scripts,
        script_hashes=[_hash(script) for script in scripts],
    )


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("drill_runner.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _source(environment: Environment, name: str) -> Markup:
    """A file of ours that stands in the page as it is."""
    loader = environment.loader
    if loader is None:
        raise LookupError(name)
    return Markup(loader.get_source(environment, name)[0])  # noqa: S704 -- the package's own file


def _scripts(environment: Environment) -> tuple[Markup, ...]:
    return (Markup(get_plotlyjs()), _source(environment, "report.js"))  # noqa: S704 -- plotly's own file, and ours


def _hash(script: str) -> str:
    """What the page's content security policy allows to run: this script and no other."""
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
