"""Every format says what the result says, and nothing that a model or a host answered becomes markup."""

import itertools
import json
import re
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest
from junitparser import Error, Failure, JUnitXml
from pydantic import TypeAdapter

from drill_runner.evaluate import to_json
from drill_runner.model.base import Interval
from drill_runner.model.plan import Watch
from drill_runner.model.record import Delay
from drill_runner.model.result import ObjectiveResult, Reason, Verdict
from drill_runner.model.sample import Outcome
from drill_runner.report import html, junit, markdown, schema, text, timeline, wording, write_all, write_atomically
from tests.unit.histories import STARTED, STORIES, Story, StoryName, story

each_story = pytest.mark.parametrize("name", STORIES)


def page_data(page: str) -> dict[str, object]:
    found = re.search(r'<script type="application/json" id="timeline-data">(.*?)</script>', page, re.DOTALL)
    assert found is not None
    data: dict[str, object] = json.loads(found[1])
    return data


def page_without_scripts(page: str) -> str:
    return re.sub(r"<script>.*?</script>", "", page, flags=re.DOTALL)


def render(told: Story) -> str:
    return html.render(told.result, told.samples, told.plan)


# --- schema ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", schema.SCHEMAS)
def test_the_committed_schemas_are_what_the_classes_say(name: str) -> None:
    assert schema.path(name).read_text() == schema.SCHEMAS[name](), "run: python -m drill_runner.report.schema"
    jsonschema.Draft202012Validator.check_schema(json.loads(schema.path(name).read_text()))


def test_every_committed_schema_is_made_from_classes() -> None:
    there = {path.name for path in Path(schema.__file__).parent.glob("*.schema.json")}
    assert there == {schema.path(name).name for name in schema.SCHEMAS}


@each_story
def test_results_keep_to_the_schema(name: StoryName) -> None:
    validator = jsonschema.Draft202012Validator(json.loads(schema.path("result").read_text()))
    result = json.loads(to_json(story(name).result))
    assert list(validator.iter_errors(result)) == []
    assert list(validator.iter_errors(result | {"verdict": "maybe"}))
    assert list(validator.iter_errors(result | {"surprise": 1}))


# --- HTML ------------------------------------------------------------------------------------------------------------


@each_story
def test_every_probe_is_in_the_plot_once(name: StoryName) -> None:
    told = story(name)
    series = timeline.build(told.result, told.samples, told.plan).series
    whole = next(window for window in told.result.windows if window.name == "all")
    assert {one.outcome: len(one.at_s) for one in series} == whole.by_outcome
    assert all(len(one.at_s) == len(one.took_ms) == len(one.notes) for one in series)
    assert all(took > 0 for one in series for took in one.took_ms), "a logarithmic axis has no zero"


def test_every_stream_is_in_the_plot_once() -> None:
    told = story("wrong_answers")
    streams = timeline.build(told.result, told.samples, told.plan).streams
    (level,) = [window.streams for window in told.result.windows if window.name == "all"]
    assert level is not None
    assert {one.outcome: len(one.at_s) for one in streams} == level.by_outcome
    (cut,) = [one for one in streams if one.outcome is Outcome.TRUNCATED]
    assert cut.notes == ["stream 3, from gpu2, first token 20.0 ms, 14 tokens, the stream ended without [DONE]"]
    assert cut.took_ms == [275.0]


def test_time_counts_from_the_effect() -> None:
    told = story("outage")
    made = timeline.build(told.result, told.samples, told.plan)
    assert (made.zero, made.start_s) == ("effect", -8.0)
    bad = next(one for one in made.series if one.outcome is Outcome.CONNECTION_ERROR)
    assert bad.at_s[0] == pytest.approx(0.05)
    effect = next(mark for mark in made.marks if mark.title == "fault took hold")
    assert (effect.lower_s, effect.upper_s) == (-0.06, 0.0)


def test_time_counts_from_the_start_without_an_effect() -> None:
    told = story("no_effect")
    made = timeline.build(told.result, told.samples, told.plan)
    assert (made.zero, made.start_s, made.marks) == ("start", 0.0, ())
    assert made.phases[1].problem == "gpu2: the engine's process was never gone"


def test_the_pools_states_follow_each_other_without_a_gap() -> None:
    told = story("outage")
    bands = [band for band in timeline.build(told.result, told.samples, told.plan).bands if band.server == "gpu2"]
    assert [band.state for band in bands] == ["up", "down", "up", "unknown", "up"]
    assert all(left.end_s == right.start_s for left, right in itertools.pairwise(bands))
    assert bands[1].start_s == pytest.approx(9.2 + 0.004 - 8, abs=0.001)


def test_a_run_without_samples_or_plan_still_has_a_report() -> None:
    told = story("outage")
    page = html.render(told.result, (), None)
    assert page_data(page)["series"] == []
    assert "Objectives against actuals" in page


@each_story
def test_the_page_says_verdict_reasons_objectives_checks_and_versions(name: StoryName) -> None:
    result = story(name).result
    page = page_without_scripts(render(story(name)))
    escaped = page.replace("&#39;", "'")
    assert f'<body class="{result.verdict}">' in page
    assert all(reason.text in escaped for reason in result.reasons if reason.verdict is not Verdict.PASSED)
    assert all(wording.interval(objective.actual, objective.unit) in page for objective in result.objectives)
    assert page.count('class="tag passed">passed') == sum(check.outcome == "passed" for check in result.checks)
    assert all(version in page for version in result.versions.values())


def test_the_page_reaches_for_nothing() -> None:
    page = page_without_scripts(render(story("outage")))
    assert "default-src 'none'" in page
    assert not re.search(r"""(src|href)\s*=\s*["']?(https?:)?//""", page)
    assert "@import" not in page
    assert "url(" not in page


def test_only_our_scripts_may_run() -> None:
    page = render(story("outage"))
    allowed = re.findall(r"'sha256-([^']+)'", page.replace("&#39;", "'"))
    scripts = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    assert len(scripts) == 2
    assert allowed == [html._hash(script) for script in scripts]


def test_what_a_model_answers_stays_text() -> None:
    told = story("wrong_answers")
    page = render(told)
    assert "</script><b" not in page
    notes = next(
        one for one in timeline.build(told.result, told.samples, told.plan).series if one.outcome != "ok"
    ).notes
    assert "</script><b onmouseover" in notes[0]


def test_what_a_host_says_stays_text() -> None:
    told = story("flap")
    evil = '<img src=x onerror="alert(1)">'
    result = replace(told.result, reasons=(Reason(verdict=Verdict.FAILED, text=evil),))
    page = html.render(result, told.samples, told.plan)
    assert evil not in page
    assert "&lt;img src=x" in page
    assert "\\<img" in markdown.render(result)


def test_the_page_tells_of_streams_requests_in_flight_and_wrong_answers() -> None:
    page = page_without_scripts(render(story("wrong_answers")))
    result = story("wrong_answers").result
    assert result.in_flight is not None
    assert list(wording.fates(result.in_flight)) == [("finished", 1, "probe 159 (perhaps)"), ("cut", 1, "stream 3")]
    assert '<th scope="row">cut</th><td class="n">1</td><td>stream 3</td>' in page
    assert "none of those that were answered was sent again" in page
    assert "Service level of streams" in page
    (found,) = result.disagreement
    assert (found.replica, found.wrong > 20) == ("gpu2", True)
    assert f'<td class="n">{found.wrong} of {found.of}</td>' in page
    assert "Service level of streams" not in page_without_scripts(html.render(replace(result, windows=()), (), None))


def test_what_clients_lost_is_in_every_format() -> None:
    told = story("outage")
    assert told.result.losses is not None
    said = wording.lost(told.result.losses)
    assert said == (
        "287 probes, 8 streams failed; clients waited 4.37 s for them in all; "
        "at most 14.4 s from one good answer to the next"
    )
    page = page_without_scripts(render(told))
    assert said in page
    assert '<th scope="row">HTTP error</th><td class="n">271</td>' in page
    assert '<th scope="row">probe 161</th><td class="n">8.050</td>' in page
    assert re.search(r"HTTP error +271 +4\.\d+ s +", text.render(told.result))
    assert said in markdown.render(told.result)


def test_a_long_list_of_failed_requests_is_cut_in_the_page() -> None:
    told = story("outage")
    assert told.result.losses is not None
    (first, *_) = told.result.losses.requests
    many = replace(told.result, losses=replace(told.result.losses, requests=(first,) * 501))
    page = page_without_scripts(html.render(many, told.samples, told.plan))
    assert page.count(f'<th scope="row">{first.kind} {first.seq}</th>') == 500
    assert "The first 500; <code>result.json</code> has all of them." in page


def test_a_watch_tells_of_its_streams_too() -> None:
    told = story("calm")
    watch = Watch(kind="watch", run_id="20261124T101500Z-watch", endpoint=told.plan.endpoint)
    page = page_without_scripts(html.render(replace(told.result, checks=(), faults={}), told.samples, watch))
    assert "Service level of streams" in page
    assert 'id="checks"' not in page


def test_when_no_effect_was_shown_nothing_is_said_to_come_after_it() -> None:
    assert "After the effect" not in page_without_scripts(render(story("no_effect")))
    assert "After the effect" in page_without_scripts(render(story("outage")))


def test_a_long_message_of_a_check_folds_away() -> None:
    told = story("flap")
    page = html.render(told.result, told.samples, told.plan)
    assert "<summary>AssertionError: gpu2 is DOWN in backend llm</summary><pre>AssertionError" in page
    (*others, check) = told.result.checks
    blank = replace(told.result, checks=(*others, replace(check, message="\n")))
    assert "<details>" not in html.render(blank, told.samples, told.plan).partition('id="checks"')[2]


def test_what_was_not_judged_says_so_in_every_format() -> None:
    told = story("no_effect")
    objectives = tuple(replace(one, met=None, judged=False) for one in told.result.objectives)
    result = replace(told.result, objectives=objectives)
    assert html.render(result, (), None).count("<b>not judged</b>") == len(objectives)
    assert text.render(result).count("not judged") == len(objectives)
    assert markdown.render(result).count("not judged") == len(objectives)
    suite = next(one for one in JUnitXml.fromstring(junit.render(result)) if one.name.endswith(".objectives"))
    assert (suite.skipped, suite.errors, suite.failures) == (len(objectives), 0, 0)


def test_the_moment_that_was_drawn_is_in_every_format() -> None:
    told = story("calm")
    result = replace(told.result, delay=Delay(seconds=3.2071, span_s=10, seed=7, number=2))
    said = "3.21 s after steady state, drawn from 0 to 10 s (draw 2 of seed 7)"
    assert f"<dd>{said}</dd>" in html.render(result, told.samples, told.plan)
    assert f"The fault came {said}" in text.render(result, 120)
    assert f"server\\_crash on gpu2 · {said} · started" in markdown.render(result)
    assert 'name="fault_waited_s" value="3.207"' in junit.render(result)
    assert json.loads(to_json(result))["delay"] == {"number": 2, "seconds": 3.2071, "seed": 7, "span_s": 10.0}
    assert "drawn from" not in render(told) + text.render(told.result) + markdown.render(told.result)


# --- JUnit, Markdown, text -------------------------------------------------------------------------------------------


@each_story
def test_junit_has_a_case_for_every_objective_and_check(name: StoryName) -> None:
    result = story(name).result
    root = JUnitXml.fromstring(junit.render(result))
    kinds = {suite.name: [[type(entry) for entry in case.result] for case in suite] for suite in root}
    met: dict[bool | None, list[type]] = {True: [], False: [Failure], None: [Error]}
    ended: dict[str, list[type]] = {"passed": [], "failed": [Failure], "broken": [Error]}
    assert kinds["server_crash.objectives"] == [met[objective.met] for objective in result.objectives]
    assert kinds["server_crash.checks"] == [ended[check.outcome] for check in result.checks]
    assert (root.failures + root.errors == 0) == (result.verdict is Verdict.PASSED)


def test_junit_survives_control_characters() -> None:
    result = story("flap").result
    nasty = replace(result.checks[-1], message="\x1b[31mdown\x00\ud800 & <gone>")
    root = JUnitXml.fromstring(junit.render(replace(result, checks=(nasty,))))
    said = [entry.message for suite in root for case in suite for entry in case.result]
    assert "\N{REPLACEMENT CHARACTER}[31mdown\N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER} & <gone>" in said


@pytest.mark.parametrize("width", [80, 160])
@each_story
def test_text_begins_with_the_verdict_and_keeps_to_the_width(name: StoryName, width: int) -> None:
    result = story(name).result
    lines = text.render(result, width).splitlines()
    assert result.verdict.upper() in lines[1]
    assert max(map(len, lines)) <= width
    assert " ".join(wording.why(result).split()[:4]) in lines[2]


def test_markdown_is_short_and_complete() -> None:
    lines = markdown.render(story("outage").result).splitlines()
    assert lines[0] == "### ❌ Drill `server_crash`: failed"
    assert "| Service restored (RTO) | ≤ 10 s | 14.3 to 14.4 s | ❌ missed |" in lines
    assert "Probes: 613 of 900 good; not good: 264 HTTP error, 23 no connection." in lines
    assert len(lines) < 25


# --- words -----------------------------------------------------------------------------------------------------------


def test_marks_are_told_as_they_came_in_every_format() -> None:
    told = story("outage")  # detected 0.9 to 1.16 s after the effect, recovery started 0.58 to 0.66 s after it
    names = [mark.name for mark in wording.in_order(told.result.marks)]
    assert names[:4] == ["effect", "first_failure", "recovery_started", "detected"]
    assert names[-1] == "first_token"  # there is no evidence of it
    drawn = [mark.title for mark in timeline.build(told.result, told.samples, told.plan).marks]
    assert drawn[:4] == ["fault took hold", "first failure", "recovery started", "detected"]
    for whole in (text.render(told.result), page_without_scripts(render(told))):
        said = whole.partition("What happened when")[2]
        assert [said.index(title) for title in drawn] == sorted(said.index(title) for title in drawn)


@pytest.mark.parametrize(
    ("span", "unit", "said"),
    [
        (None, "s", "unknown"),
        (Interval(lower=0.3121, upper=0.3561), "s", "0.312 to 0.356 s"),
        (Interval(lower=0.9, upper=1.16), "s", "0.90 to 1.16 s"),
        (Interval(lower=0, upper=0), "s", "0 s"),
        (Interval(lower=0, upper=0.11), "s", "0.000 to 0.110 s"),
        (Interval(lower=14.31, upper=14.33), "s", "14.3 s"),
        (Interval(lower=7, upper=7), "requests", "7"),
        (Interval(lower=1, upper=1), "share", "100 %"),
        (Interval(lower=0.99996, upper=0.99996), "share", "99.996 %"),
        (Interval(lower=0.9999999, upper=0.9999999), "share", "99.99999 %"),
        (Interval(lower=26.31, upper=26.31), "ms", "26.3 ms"),
    ],
)
def test_intervals_read_well(span: Interval | None, unit: wording.Unit, said: str) -> None:
    assert wording.interval(span, unit) == said


def test_a_floor_and_a_ceiling_read_differently() -> None:
    floor = ObjectiveResult(name="availability", unit="share", objective=0.999, actual=None, met=None)
    ceiling = ObjectiveResult(name="rto_s", unit="s", objective=10, actual=None, met=False)
    assert (wording.bound(floor), wording.met(floor)) == ("≥ 99.9 %", "cannot tell")
    assert (wording.bound(ceiling), wording.met(ceiling)) == ("≤ 10 s", "missed")


# --- files -----------------------------------------------------------------------------------------------------------


def test_write_all_leaves_three_whole_files(tmp_path: Path) -> None:
    told = story("calm")
    report = write_all(tmp_path, told.result, told.samples, told.plan, result_json=to_json(told.result))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["junit.xml", "report.html", "result.json"]
    assert report.read_text() == render(told)
    assert (
        TypeAdapter(type(told.result)).validate_json((tmp_path / "result.json").read_bytes()).run_id == told.plan.run_id
    )


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "result.json"
    write_atomically(path, "old")
    with pytest.raises(UnicodeEncodeError):
        write_atomically(path, "new \ud800")
    assert [(one.name, one.read_text()) for one in tmp_path.iterdir()] == [("result.json", "old")]


def test_samples_are_counted_from_the_observers_start() -> None:
    assert timeline.build(story("calm").result, story("calm").samples, story("calm").plan).end_s == pytest.approx(
        max(s.end for s in story("calm").samples if s.kind == "probe") - STARTED - 8, abs=0.3
    )
