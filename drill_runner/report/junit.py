"""The result as JUnit XML: a case per objective and per check, so that CI systems show a drill as they show tests."""

import re

from junitparser import Error, Failure, JUnitXml, Skipped, TestCase, TestSuite

from drill_runner.model.result import CheckResult, ObjectiveResult, Result, Verdict
from drill_runner.report import wording


def render(result: Result) -> str:
    """The XML text. Failed is a failure; what could not be known, a broken check included, is an error."""
    root = JUnitXml()
    for name, cases in (
        ("verdict", [_verdict(result)]),
        ("objectives", [_objective(result, objective) for objective in result.objectives]),
        ("checks", [_check(result, check) for check in result.checks]),
    ):
        suite = TestSuite(f"{result.drill}.{name}")
        suite.timestamp = result.started_utc
        suite.add_property("run_id", result.run_id)
        if result.delay is not None:
            suite.add_property("fault_waited_s", f"{result.delay.seconds:.3f}")
        suite.add_testcases(cases)
        root.add_testsuite(suite)
    root.update_statistics()  # type: ignore[no-untyped-call]
    text: bytes = root.tostring()  # type: ignore[no-untyped-call]
    return text.decode()


def _verdict(result: Result) -> TestCase:
    """The whole drill as one case: a run can fail by more than its objectives and checks."""
    case = TestCase("verdict", f"{result.drill}.verdict", _length(result))
    reasons = "\n".join(reason.text for reason in result.reasons)
    if result.verdict is Verdict.FAILED:
        _add(case, Failure(wording.why(result)), reasons)
    if result.verdict is Verdict.INCONCLUSIVE:
        _add(case, Error(wording.why(result)), reasons)
    return case


def _objective(result: Result, objective: ObjectiveResult) -> TestCase:
    case = TestCase(objective.name, f"{result.drill}.objectives", 0)
    actual = wording.interval(objective.actual, objective.unit)
    if not objective.judged:
        _add(case, Skipped(f"promised {wording.bound(objective)}, not judged: the drill did not take place as written"))
    elif objective.met is None:
        _add(case, Error(f"promised {wording.bound(objective)}, cannot tell: {actual}"))
    elif not objective.met:
        _add(case, Failure(f"promised {wording.bound(objective)}, was {actual}"))
    return case


def _check(result: Result, check: CheckResult) -> TestCase:
    case = TestCase(f"{check.check}::{check.name}", f"{result.drill}.{check.phase}", check.seconds)
    message = check.message or ""
    summary = next(iter(message.splitlines()), check.outcome)
    if check.outcome == "failed":
        _add(case, Failure(summary), message)
    elif check.outcome == "broken":
        _add(case, Error(summary), message)
    return case


def _add(case: TestCase, entry: Failure | Error | Skipped, text: str = "") -> None:
    entry.message = _printable(entry.message)
    if text:
        entry.text = _printable(text)
    case.result = [entry]


def _printable(text: str) -> str:
    """XML 1.0 has no way to say most control characters, not even escaped."""
    return re.sub("[^\t\n -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "\N{REPLACEMENT CHARACTER}", text)


def _length(result: Result) -> float:
    return max((span.end_s or span.start_s for span in result.phases), default=0.0)
