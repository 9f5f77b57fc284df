"""`drill_runner observe`."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import click
from pydantic import TypeAdapter, ValidationError
from rich.console import Console

from drill_runner.cli.options import examples, json_as
from drill_runner.cli.progress import shown
from drill_runner.cli.settings import ExitCode
from drill_runner.cli.signals import asked_to_stop
from drill_runner.drill import watch
from drill_runner.errors import UsageError
from drill_runner.evaluate import to_json
from drill_runner.model.drill import Objectives, ProbePlan
from drill_runner.model.inventory import Endpoint
from drill_runner.model.plan import Watch
from drill_runner.observe.config import read_key, read_prompts
from drill_runner.observe.process import config_for
from drill_runner.plan import new_run_id
from drill_runner.report import REPORT
from drill_runner.report.text import show

T = TypeVar("T")

NAME = "watch"


@click.command(
    "observe",
    epilog=examples(
        "drill_runner observe --endpoint http://llm.example.net:8000 --model smollm2 --out maintenance",
        "drill_runner observe --endpoint https://api.example.net --model m --api-key-file ~/.key --seconds 600 --out w",
        "drill_runner observe --endpoint http://llm:8000 --model m --rto-s 30 --availability 0.999 --out rolling",
    ),
)
@click.option("--endpoint", required=True, metavar="URL", help="Base of the service's API, with or without /v1.")
@click.option("--model", required=True, metavar="NAME", help="What to ask for.")
@click.option("--out", required=True, type=click.Path(file_okay=False, path_type=Path), help="Folder; must be empty.")
@click.option("--seconds", type=float, metavar="N", help="How long. [default: until Ctrl-C]")
@click.option("--rate", "rate_hz", type=float, metavar="R", default=20.0, show_default=True, help="Probes per second.")
@click.option("--stream-rate", "stream_rate_hz", type=float, default=0.5, show_default=True, help="Long ones; 0: none.")
@click.option("--timeout-s", type=float, default=5.0, show_default=True, help="When to give up on a probe.")
@click.option("--ttft-slo-ms", type=float, default=2000.0, show_default=True, help="A first token later is too slow.")
@click.option("--api-key-file", metavar="FILE", help="File that holds the service's API key, and nothing else.")
@click.option("--golden-file", metavar="FILE", help="Prompts with their right answers. [default: any answer is right]")
@click.option("--pool-stats-url", metavar="URL", help="HAProxy's statistics as CSV, to see the pool too.")
@click.option("--pool-backend", metavar="NAME", help="HAProxy's name of the pool.")
@click.option("--rto-s", type=float, help="Promise: no outage longer than this.")
@click.option("--availability", type=float, help="Promise: at least this share of probes is good, 0 to 1.")
@click.option("--failed-requests", type=int, help="Promise: at most so many fail. [default: 0, if no other is given]")
@click.option("--ttft-p99-ms", type=float, help="Promise: 99th percentile of the time to first token.")
@click.option("--itl-p99-ms", type=float, help="Promise: 99th percentile of the time between two tokens.")
@click.option("--goodput-min", type=float, help="Promise: at least this share of streams is good, 0 to 1.")
@json_as("result")
def command(
    *,
    endpoint: str,
    model: str,
    out: Path,
    seconds: float | None,
    rate_hz: float,
    stream_rate_hz: float,
    timeout_s: float,
    ttft_slo_ms: float,
    api_key_file: str | None,
    golden_file: str | None,
    pool_stats_url: str | None,
    pool_backend: str | None,
    rto_s: float | None,
    availability: float | None,
    failed_requests: int | None,
    ttft_p99_ms: float | None,
    itl_p99_ms: float | None,
    goodput_min: float | None,
    as_json: bool,
) -> ExitCode:
    """Watch any OpenAI-compatible service without a drill, and judge it.

    The same probes, folder, result and report as of a drill: for maintenance windows, for a real outage, for people
    who break things by hand. Needs no project and touches no host. Ctrl-C ends the watch, and what was seen until then
    is judged. With no promise given, the promise is that no request fails.
    """
    if (pool_stats_url is None) is not (pool_backend is None):
        raise UsageError("--pool-stats-url and --pool-backend: expected both or neither")
    promised = {
        "rto_s": rto_s,
        "availability": availability,
        "failed_requests": failed_requests,
        "ttft_p99_ms": ttft_p99_ms,
        "itl_p99_ms": itl_p99_ms,
        "goodput_min": goodput_min,
    }
    given = {name: value for name, value in promised.items() if value is not None}
    plan = _valid(
        Watch,
        kind="watch",
        run_id=new_run_id(NAME, datetime.now(UTC)),
        seconds=seconds,
        endpoint=_valid(
            Endpoint,
            url=endpoint.rstrip("/").removesuffix("/v1"),
            model=model,
            api_key_file=_absolute(api_key_file),
            golden_file=_absolute(golden_file),
            pool_stats_url=pool_stats_url,
            pool_backend=pool_backend,
        ),
        probe=_valid(
            ProbePlan, rate_hz=rate_hz, stream_rate_hz=stream_rate_hz, timeout_s=timeout_s, ttft_slo_ms=ttft_slo_ms
        ),
        objectives=_valid(Objectives, **(given or {"failed_requests": 0})),
    )
    config = config_for(plan.endpoint, plan.probe)
    read_prompts(config), read_key(config)  # refused now, not by an observer that ends at once
    with asked_to_stop("Ending the watch; what was seen is judged.") as asked, shown(Console(stderr=True)) as progress:
        result = watch(plan, out.absolute(), progress=progress, stop=asked)
    if as_json:
        click.echo(to_json(result), nl=False)
    else:
        show(result, Console(), report=out.absolute() / REPORT)
    return ExitCode[result.verdict.name]


def _valid(made: type[T], /, **values: object) -> T:
    """Made of `values`; UsageError names the option that is wrong."""
    try:
        return TypeAdapter(made).validate_python(values)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        key = str(first["loc"][0]) if first["loc"] else ""
        option = OPTIONS.get(key, key).replace("_", "-")
        raise UsageError(f"--{option}: {first['msg']}") from error


OPTIONS = {"url": "endpoint", "rate_hz": "rate", "stream_rate_hz": "stream-rate"}
"""Keys that the command line calls differently."""


def _absolute(path: str | None) -> str | None:
    return str(Path(path).expanduser().absolute()) if path else None
