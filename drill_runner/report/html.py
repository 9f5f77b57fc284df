"""The result as one HTML file that works with no network: the verdict, the timeline, the evidence."""

import base64
import hashlib
from collections.abc import Sequence

from markupsafe import Markup
from plotly.offline import get_plotlyjs

from drill_runner.model.plan import AnyPlan, Plan
from drill_runner.model.result import Result
from drill_runner.model.sample import Sample
from drill_runner.report import pages, timeline, wording

LISTED = 500
"""So many failed requests are in the page; more would only make it slow. The plot has every one."""


def render(result: Result, samples: Sequence[Sample], plan: AnyPlan | None) -> str:
    """The whole page; without a plan it says less of what was meant."""
    scripts = _scripts()
    return pages.template("report.html.j2").render(
        result=result,
        plan=plan,
        drill=plan.drill if isinstance(plan, Plan) else None,
        words=wording,
        listed=LISTED,
        timeline=Markup(timeline.build(result, samples, plan).to_json()),  # noqa: S704 -- to_json escapes < > &
        style=pages.source("report.css"),
        scripts=scripts,
        script_hashes=[_hash(script) for script in scripts],
    )


def _scripts() -> tuple[Markup, ...]:
    return (Markup(get_plotlyjs()), pages.source("report.js"))  # noqa: S704 -- plotly's own file


def _hash(script: str) -> str:
    """What the page's content security policy allows to run: this script and no other."""
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
