"""A plan as a person reads it before saying yes: plain text, 80 columns."""

import textwrap
from collections.abc import Iterator

from drill_runner.model.drill import ProbePlan
from drill_runner.model.plan import Plan, Step
from drill_runner.plan import longest_s

WIDTH = 80
INDENT = "     "


def plan_text(plan: Plan) -> str:
    """What a run of `plan` would do, step by step, and what it promises."""
    return "\n".join([*_head(plan), "", *_steps(plan), "", *_rails(plan), *_promises(plan)]) + "\n"


def _head(plan: Plan) -> Iterator[str]:
    drill = plan.drill
    yield from _wrapped(f"{drill.name}: {drill.summary}", "")
    yield ""
    yield from _field("Inventory", plan.inventory.source)
    yield from _field("Service", f"{plan.inventory.endpoint.model} at {plan.inventory.endpoint.url}")
    yield from _field("Will break", ", ".join(plan.targets))
    yield from _field("Watched by", _watched_by(drill.probe))
    yield from _field("Takes", f"{longest_s(plan):.0f} s at most")
    if plan.approval:
        told = plan.approval.approval
        yield from _field("Approved", f"by {told.approver}, for {told.requester}, until {told.expires_utc:%F %R} UTC")


def _watched_by(probe: ProbePlan) -> str:
    single = f"{probe.rate_hz:g} requests/s, given up after {probe.timeout_s:g} s each"
    if not probe.stream_rate_hz:
        return single
    every = f"a stream of {probe.stream_tokens} tokens every {1 / probe.stream_rate_hz:g} s"
    return f"{single}; {every}, given up after {probe.stream_timeout_s:g} s"


def _steps(plan: Plan) -> Iterator[str]:
    for number, step in enumerate(plan.steps, start=1):
        yield f"{number:>2}.  {step.phase.value.replace('_', ' ')}"
        yield from _wrapped(step.does, INDENT)
        yield from (line for name, text in _details(step) for line in _wrapped(f"{name}: {text}", INDENT))


def _details(step: Step) -> Iterator[tuple[str, str]]:
    if step.hosts:
        yield "hosts", ", ".join(step.hosts)
    if step.playbook:
        yield "playbook", step.playbook
    if step.checks:
        yield "checks", ", ".join(step.checks)
    if step.at_most_s is not None:
        yield "at most", f"{step.at_most_s:g} s"


def _rails(plan: Plan) -> Iterator[str]:
    if plan.guard_rails:
        yield "Guard rails:"
        for rail in plan.guard_rails:
            yield from _wrapped(f"{rail.name}: {rail.says}.", "  ", INDENT)
        yield ""


def _promises(plan: Plan) -> Iterator[str]:
    goals = plan.drill.objectives
    named = (
        ("service restored within", goals.rto_s, " s"),
        ("every target back in the pool within", goals.replica_rto_s, " s"),
        ("noticed within", goals.detect_s, " s"),
        ("failed requests at most", goals.failed_requests, ""),
        ("share of good answers at least", goals.availability, ""),
        ("99th percentile of time to first token at most", goals.ttft_p99_ms, " ms"),
        ("99th percentile of time between two tokens at most", goals.itl_p99_ms, " ms"),
        ("share of streams whole and within the service level at least", goals.goodput_min, ""),
    )
    promised = [f"  {name} {value:g}{unit}" for name, value, unit in named if value is not None]
    yield "Passes if the checks hold and:" if promised else "Passes if the checks hold."
    yield from promised


def _field(name: str, text: str) -> Iterator[str]:
    yield from _wrapped(text, f"{name + ':':<12}", " " * 12)


def _wrapped(text: str, indent: str, later: str | None = None) -> list[str]:
    return textwrap.wrap(
        text,
        WIDTH,
        initial_indent=indent,
        subsequent_indent=indent if later is None else later,
        break_long_words=False,
        break_on_hyphens=False,
    )
