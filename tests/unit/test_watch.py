"""A run without a drill: how it is judged, and the command against a real observer and a small real server."""

import asyncio
import json
import os
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest
from click.testing import CliRunner, Result
from pydantic import ValidationError

from drill_runner.cli import main
from drill_runner.evaluate import History, evaluate, read_run, to_json
from drill_runner.model.drill import Objectives, ProbePlan
from drill_runner.model.inventory import Endpoint
from drill_runner.model.plan import Phase, Watch
from drill_runner.model.record import PhaseEnded, PhaseStarted, RunEnded, RunStarted
from drill_runner.model.result import Verdict
from drill_runner.model.sample import Outcome
from drill_runner.report import html, junit, markdown, schema, text
from tests.calibrate.server import ScriptedServer
from tests.unit.runs import BEGIN, GOOD_IN_A_ROW, PERIOD, due, probes, watched, write

pytestmark = pytest.mark.slow  # starts processes and waits for them

RUN = "20261124T101500Z-watch"
BAD = Outcome.HTTP_ERROR


def a_watch(objectives: Objectives | None = None) -> Watch:
    made = Watch(
        kind="watch",
        run_id=RUN,
        endpoint=Endpoint(url="http://lb1", model="m"),
        probe=ProbePlan(rate_hz=8, timeout_s=2, ttft_slo_ms=500, good_in_a_row=GOOD_IN_A_ROW),
    )
    return made if objectives is None else replace(made, objectives=objectives)


def seen(bad: tuple[int, ...] = (), objectives: Objectives | None = None, count: int = 48) -> History:
    end = due(count)
    return History(
        folder=RUN,
        plan=a_watch(objectives),
        records=(
            RunStarted(at=BEGIN - 1, utc="2026-11-24T10:14:59Z", run_id=RUN, versions={}),
            PhaseStarted(at=BEGIN, phase=Phase.OBSERVE),
            PhaseEnded(at=end, phase=Phase.OBSERVE),
            RunEnded(at=end, utc="2026-11-24T10:16:00Z", reverted=True),
        ),
        samples=watched(probes(count, dict.fromkeys(bad, BAD))),
    )


def judged(*arguments: object) -> tuple[Verdict, str]:
    result = evaluate(seen(*arguments))  # type: ignore[arg-type]
    return result.verdict, result.reasons[0].text


def test_a_calm_watch_passes_and_says_what_it_rests_on():
    result = evaluate(seen())
    assert result.verdict is Verdict.PASSED
    assert [reason.text for reason in result.reasons] == [
        "the service was watched without a gap, and every promise was kept",
        "failed requests: 0, promised at most 0",
    ]
    assert (result.drill, result.faults, result.sound) == ("watch", {}, True)
    assert [mark.name for mark in result.marks] == ["first_failure", "restored"]
    assert [span.phase for span in result.phases] == [Phase.OBSERVE]


def test_without_any_promise_one_failed_request_fails():
    assert judged((20,)) == (Verdict.FAILED, "failed requests: 1, promised at most 0")


def test_a_promise_that_is_given_replaces_the_default():
    assert judged((20,), Objectives(availability=0.9))[0] is Verdict.PASSED
    assert judged((20,), Objectives(availability=0.99))[0] is Verdict.FAILED


def test_the_longest_outage_counts_not_the_time_from_the_first_to_the_last():
    result = evaluate(seen((8, 9, 32, 33, 34), Objectives(rto_s=3)))
    actual = result.objectives[0].actual
    assert actual is not None
    assert PERIOD < actual.lower < actual.upper < 5 * PERIOD
    assert result.verdict is Verdict.PASSED
    assert len(result.episodes) == 2


def test_an_outage_that_is_not_over_is_missed_once_it_lasted_too_long_and_unknown_before():
    long = (Verdict.FAILED, "the service was still bad when the watch ended, and had been for longer than promised")
    verdict, why = judged(tuple(range(20, 48)), Objectives(rto_s=3))
    assert (verdict, why.partition(":")[0]) == long
    assert judged(tuple(range(46, 48)), Objectives(rto_s=3))[0] is Verdict.INCONCLUSIVE


def test_no_samples_and_a_journal_cut_short_are_inconclusive():
    assert evaluate(replace(seen(), samples=())).verdict is Verdict.INCONCLUSIVE
    cut = evaluate(replace(seen(), records=seen().records[:-1]))
    assert (cut.verdict, cut.sound) == (Verdict.INCONCLUSIVE, False)


def test_promises_about_a_fault_are_refused():
    with pytest.raises(ValidationError, match=r"objectives\.detect_s"):
        a_watch(Objectives(detect_s=1))


def test_a_watch_is_read_back_and_cut_off_at_any_place_never_passes(tmp_path: Path):
    folder = write(seen(), tmp_path / RUN)
    assert read_run(folder) == seen()
    assert to_json(evaluate(read_run(folder))) == to_json(evaluate(seen()))
    whole = (folder / "plan.json").read_bytes()
    for size in range(0, len(whole) - 1, 40):
        (folder / "plan.json").write_bytes(whole[:size])
        assert evaluate(read_run(folder)).verdict is Verdict.INCONCLUSIVE


def test_every_report_tells_it():
    history = seen((20, 21))
    result = evaluate(history)
    page = html.render(result, history.samples, history.plan)
    assert "m at http://lb1, 8/s" in page
    assert "Recovery</dt>" not in page
    assert "none ran" not in text.render(result)
    assert "Nothing was broken" in markdown.render(result)
    assert 'failures="2"' in junit.render(result).splitlines()[-1]


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    """On a loop and thread of its own: the command blocks this one."""
    loop = asyncio.new_event_loop()
    made = ScriptedServer()
    loop.run_until_complete(made.__aenter__())
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    yield made
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.run_until_complete(made.__aexit__())
    loop.close()


def observe(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["observe", "--model", "m", *arguments])


def test_observe_leaves_a_run_s_folder(server: ScriptedServer, tmp_path: Path):
    out = tmp_path / "out"
    done = observe("--endpoint", f"http://127.0.0.1:{server.port}/v1/", "--out", str(out), "--seconds", "1.5", "--json")
    assert (done.exit_code, json.loads(done.stdout)["verdict"]) == (0, "passed"), done.output
    assert {"plan.json", "journal.jsonl", "samples.jsonl", "result.json", "report.html", "junit.xml"} <= {
        path.name for path in out.iterdir()
    }
    for name, count in (("samples.jsonl", "lines"), ("journal.jsonl", "records")):
        lines = (out / name).read_text().splitlines()
        assert json.loads(lines[-1])[count] == len(lines)
    jsonschema.validate(json.loads(done.stdout), json.loads(schema.path("result").read_text()))
    before = (out / "result.json").read_bytes()
    assert CliRunner().invoke(main, ["evaluate", str(out)]).exit_code == 0
    assert (out / "result.json").read_bytes() == before
    again = observe("--endpoint", f"http://127.0.0.1:{server.port}", "--out", str(out), "--seconds", "1")
    assert (again.exit_code, "expected an empty folder" in again.stderr) == (2, True)


def test_ctrl_c_ends_the_watch_and_what_was_seen_is_judged(server: ScriptedServer, tmp_path: Path):
    out = tmp_path / "out"

    def interrupt() -> None:
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            samples = out / "samples.jsonl"
            if samples.exists() and samples.read_bytes().count(b'"kind":"probe"') >= 20:
                os.kill(os.getpid(), signal.SIGINT)
                return
            time.sleep(0.05)

    person = threading.Thread(target=interrupt)
    person.start()
    done = observe("--endpoint", f"http://127.0.0.1:{server.port}", "--out", str(out), "--availability", "0.5")
    person.join()
    assert done.exit_code == 0, done.output
    result = json.loads((out / "result.json").read_bytes())
    assert (result["verdict"], result["sound"]) == ("passed", True)
    assert result["windows"][-1]["scheduled"] >= 20


def test_a_service_that_refuses_fails(tmp_path: Path):
    done = observe("--endpoint", "http://127.0.0.1:9", "--out", str(tmp_path / "out"), "--seconds", "1", "--json")
    result = json.loads(done.stdout)
    assert (done.exit_code, result["verdict"]) == (1, "failed")
    assert set(result["windows"][-1]["by_outcome"]) == {"connection_error"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--rate", "0"], "--rate: Input should be greater than 0"),
        (["--endpoint", "ftp://x"], "--endpoint: String should match pattern"),
        (["--availability", "2"], "--availability: Input should be less than or equal to 1"),
        (["--pool-backend", "llm"], "--pool-stats-url and --pool-backend: expected both or neither"),
        (["--api-key-file", "/none/key"], "/none/key: the service's API key cannot be read"),
        (["--golden-file", "/none/golden"], "/none/golden: the golden file cannot be read"),
        (["--seconds", "-1"], "--seconds: Input should be greater than 0"),
    ],
)
def test_bad_input_is_refused_before_anything_is_made(tmp_path: Path, options: list[str], message: str):
    done = observe("--endpoint", "http://x", "--out", str(tmp_path / "out"), *options)
    assert done.exit_code == 2
    assert f"Error: {message}" in done.stderr
    assert not (tmp_path / "out").exists()
