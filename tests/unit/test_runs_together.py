"""Many runs beside each other: repeated drills, comparisons, the past, and the cache of it. All are made up."""

import json
import random
import re
import sqlite3
import statistics
import time
from collections.abc import Sequence
from dataclasses import replace
from io import StringIO
from pathlib import Path

import jsonschema
import pytest
from click.testing import CliRunner, Result
from pydantic import TypeAdapter
from rich.console import Console

from drill_runner.catalog import Project
from drill_runner.cli import main
from drill_runner.drill import phases, repeat
from drill_runner.drill.progress import Quiet
from drill_runner.drill.run import Done
from drill_runner.drill.session import Session
from drill_runner.evaluate import evaluate, read_run, to_json
from drill_runner.history import (
    bootstrap,
    compare,
    draws,
    pasts,
    row,
    stored_rows,
    summarise,
    summary_json,
)
from drill_runner.history.store import STORE
from drill_runner.journal import Journal
from drill_runner.model.base import Interval
from drill_runner.model.plan import Plan
from drill_runner.model.record import Delay, EffectShown, Record
from drill_runner.model.result import Measured, Verdict
from drill_runner.model.result import Result as RunResult
from drill_runner.model.sample import Sample
from drill_runner.model.summary import Judgement, RunRow, Summary
from drill_runner.observe.process import Observer, config_for
from drill_runner.report import schema, summary_page
from drill_runner.report.many import SHORT, show_pasts
from tests.unit import runs
from tests.unit.histories import StoryName, story

DRILL = "server_crash"


def span(lower: float, upper: float | None = None) -> Interval:
    return Interval(lower=lower, upper=lower if upper is None else upper)


def a_row(
    number: int, rto: Interval | None = None, *, verdict: Verdict = Verdict.PASSED, availability: float = 0.99
) -> RunRow:
    there = span(availability)
    return RunRow(
        run_id=f"20261124T1015{number:02d}Z-{DRILL}",
        drill=DRILL,
        started_utc="2026-11-24T10:15:00Z",
        verdict=verdict,
        why=f"why {number}",
        sound=verdict is not Verdict.INCONCLUSIVE,
        measured=(
            Measured(name="rto_s", unit="s", actual=rto, noise=rto),
            Measured(name="availability", unit="share", actual=there, noise=there),
        ),
    )


def with_goodput(one: RunRow, value: Interval | None) -> RunRow:
    more = Measured(name="goodput_min", unit="share", actual=value, noise=value)
    return replace(one, measured=(*one.measured, more))


def some(*middles: float | None) -> list[RunRow]:
    """Runs with these recovery times, each known to a tenth of a second."""
    return [a_row(n, None if at is None else span(at - 0.05, at + 0.05)) for n, at in enumerate(middles)]


def summary_of(rows: Sequence[RunRow], wanted: int | None = None, stopped: str | None = None) -> Summary:
    return summarise(
        f"20261124T101500Z-{DRILL}-x{wanted or len(rows)}",
        DRILL,
        "An engine dies.",
        rows,
        wanted=wanted or len(rows),
        stopped=stopped,
        seed=7,
        span_s=10,
    )


def fits(text: str, name: str) -> None:
    """`text` keeps to the committed schema called `name`, which refuses what it does not know."""
    document = json.loads(schema.path(name).read_text())
    validator = jsonschema.Draft202012Validator(document)
    found = json.loads(text)
    assert [error.message for error in validator.iter_errors(found)] == []
    assert list(validator.iter_errors(found | {"surprise": 1}))


class TestBootstrap:
    @pytest.fixture(autouse=True)
    def fewer_resamples(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """What holds here holds of 1000, too, at a quarter of the time."""
        monkeypatch.setattr(bootstrap, "RESAMPLES", 1000)

    def test_the_median_is_in_the_interval_about_as_often_as_promised(self):
        dice, inside, tries = random.Random(5), 0, 60  # noqa: S311
        for attempt in range(tries):
            values = [span(x) for x in (dice.gauss(10, 2) for _ in range(15))]
            lower, upper = bootstrap.of_median(bootstrap.ends(values, at_least=False), str(attempt)).careful
            inside += lower <= 10 <= upper
        assert inside / tries >= 0.88

    def test_it_is_the_same_for_the_same_seed_only(self):
        ends = bootstrap.ends([span(x) for x in (1.0, 2.5, 3.1, 4.7, 9.3, 12.0, 13.5, 20.1)], at_least=False)
        assert bootstrap.of_median(ends, "a") == bootstrap.of_median(ends, "a")
        found = {bootstrap.of_difference(ends, ends[:5], str(seed)).middles for seed in range(20)}
        assert len(found) > 1

    def test_the_careful_interval_holds_that_of_the_middles(self):
        ends = bootstrap.ends([span(x, x + 1) for x in (1, 2, 4, 8, 16, 32)], at_least=False)
        found = bootstrap.of_median(ends, "x")
        assert found.careful[0] < found.middles[0] < found.middles[1] < found.careful[1]

    def test_an_unknown_value_is_worse_than_every_known_one(self):
        ceiling = bootstrap.median(bootstrap.ends([span(1), span(2), None], at_least=False))
        floor = bootstrap.median(bootstrap.ends([span(1), span(2), None], at_least=True))
        assert (ceiling.middle, floor.middle) == (2, 1)


class TestSummary:
    def test_median_worst_and_what_is_left_out(self):
        rows = [*some(1, 2, 3, 4, 90), a_row(5, span(500, 501), verdict=Verdict.INCONCLUSIVE)]
        found = summary_of(rows)
        rto, availability = found.spreads
        assert rto.median == span(2.95, 3.05)
        assert rto.worst == span(89.95, 90.05)
        assert (rto.runs, rto.unknown) == (5, 0)
        assert rto.ci95 is not None
        assert rto.ci95_middles is not None
        assert rto.ci95.lower < rto.ci95_middles.lower <= 3 <= rto.ci95_middles.upper < rto.ci95.upper
        assert availability.worst == span(0.99)
        assert found.verdict is Verdict.INCONCLUSIVE

    def test_a_run_that_never_came_back_makes_the_worst_unknown_and_the_median_worse(self):
        rto = summary_of(some(1, 2, None)).spreads[0]
        assert (rto.unknown, rto.worst, rto.median) == (1, None, span(1.95, 2.05))
        assert summary_of(some(1, None, None)).spreads[0].median is None

    def test_the_worst_of_a_floor_is_the_least(self):
        rows = [a_row(n, span(1), availability=share) for n, share in enumerate((0.99, 0.9, 0.95))]
        assert summary_of(rows).spreads[1].worst == span(0.9)

    @pytest.mark.parametrize(
        ("verdicts", "worst"), [("ppp", "passed"), ("pip", "inconclusive"), ("pif", "failed"), ("", "inconclusive")]
    )
    def test_the_worst_verdict_is_the_whole_one(self, verdicts: str, worst: str):
        by = {one.value[0]: one for one in Verdict}
        rows = [a_row(n, span(1), verdict=by[letter]) for n, letter in enumerate(verdicts)]
        assert summary_of(rows, wanted=5).verdict == worst

    def test_it_keeps_to_its_schema(self):
        fits(summary_json(summary_of(some(1, None, 3))), "summary")
        fits(summary_json(summary_of([], wanted=3, stopped="interrupted by SIGINT")), "summary")

    def test_the_page_holds_every_run_and_no_markup_of_theirs(self):
        nasty = replace(a_row(1, span(3), verdict=Verdict.FAILED), why="<script>alert(1)</script>")
        page = summary_page.render(summary_of([a_row(0, span(1, 2)), nasty], wanted=4, stopped="interrupted by SIGINT"))
        assert "<script" not in page
        assert f'href="{nasty.run_id}/report.html"' in page
        assert "2 of 4 runs: interrupted by SIGINT" in page
        assert summary_page.render(summary_of([], wanted=3)).count("No run can be believed") == 1

    def test_moments_are_drawn_evenly_and_again_from_the_seed(self):
        first, again = ([next(drawn) for _ in range(1)] for drawn in (draws(3, 10), draws(3, 10)))
        assert first == again
        drawn = draws(3, 10)
        many = [next(drawn).seconds for _ in range(400)]
        assert 0 <= min(many) < 0.5
        assert 9.5 < max(many) <= 10
        assert abs(statistics.mean(many) - 5) < 0.5


class TestCompare:
    def judge(self, a: Sequence[RunRow], b: Sequence[RunRow], name: str = "rto_s") -> Judgement:
        return next(one.judgement for one in compare("a", a, "b", b).quantities if one.name == name)

    def test_single_runs_differ_only_if_their_intervals_do_not_overlap(self):
        assert self.judge(some(1), some(1.08)) is Judgement.SAME
        assert self.judge(some(1), some(1.2)) is Judgement.WORSE
        assert self.judge(some(1.2), some(1)) is Judgement.BETTER

    def test_less_availability_is_worse(self):
        a, b = ([a_row(0, span(1), availability=share)] for share in (0.99, 0.9))
        assert self.judge(a, b, "availability") is Judgement.WORSE
        assert self.judge(b, a, "availability") is Judgement.BETTER

    def test_what_only_one_side_knows_cannot_be_told(self):
        assert self.judge(some(1), some(None)) is Judgement.UNKNOWN
        assert self.judge(some(None), some(None)) is Judgement.SAME
        assert self.judge(some(1, 2, 3), some(None, None, None)) is Judgement.UNKNOWN
        assert compare("a", some(1), "b", some(None)).judgement is Judgement.UNKNOWN

    def test_what_the_baseline_does_not_know_keeps_no_candidate_out(self):
        assert compare("a", some(None), "b", some(1)).judgement is Judgement.SAME

    def test_what_only_one_side_has_is_named_and_only_a_s_keeps_the_gate_shut(self):
        less, more = some(1), [with_goodput(some(1)[0], span(0.95, 0.97))]
        gone, new = compare("a", more, "b", less), compare("a", less, "b", more)
        (only,) = gone.only_in_a
        assert (only.name, only.unit, only.value) == ("goodput_min", "share", span(0.95, 0.97))
        assert (gone.only_in_b, new.only_in_a, new.only_in_b) == ((), (), (only,))
        assert (gone.judgement, new.judgement) == (Judgement.UNKNOWN, Judgement.SAME)
        assert compare("a", more, "b", some(1.2)).judgement is Judgement.WORSE

    def test_what_only_a_has_and_never_knew_says_nothing_against_b(self):
        found = compare("a", [with_goodput(some(1)[0], None)], "b", some(1))
        assert ([one.value for one in found.only_in_a], found.judgement) == ([None], Judgement.SAME)

    def test_what_only_a_repeated_drill_has_is_the_median_s_interval(self):
        more = [with_goodput(one, span(0.9 + n / 100)) for n, one in enumerate(some(1, 1, 1, 1, 1, 1, 1))]
        (only,) = compare("a", more, "b", some(*[1.0] * 7)).only_in_a
        assert only.value is not None
        assert 0.9 <= only.value.lower < 0.93 < only.value.upper <= 0.96

    def test_a_watch_against_a_drill_tells_what_a_watch_cannot_know(self):
        drill, watch = evaluate(runs.history()), some(1)[0]
        found = compare("a", [row(drill)], "b", [watch])
        assert {"replica_rto_s", "detect_s"} < {one.name for one in found.only_in_a}

    def test_repeated_drills_differ_beyond_the_noise(self):
        dice = random.Random(2)  # noqa: S311
        old = some(*(dice.gauss(10, 1) for _ in range(12)))
        same, slower = (some(*(dice.gauss(mean, 1) for _ in range(12))) for mean in (10, 14))
        assert self.judge(old, same) is Judgement.SAME
        assert self.judge(old, slower) is Judgement.WORSE
        assert self.judge(slower, old) is Judgement.BETTER

    def test_too_few_runs_cannot_tell_a_difference_from_chance(self):
        found = compare("a", some(1, 1.1, 1.2), "b", some(50, 51, 52))
        assert (found.judgement, found.notes[-1].partition(" cannot")[0]) == (Judgement.UNKNOWN, "so few runs")
        assert self.judge(some(1, 1.1, 1.2, 1.3, 1.4), some(50, 51, 52, 53, 54)) is Judgement.WORSE

    @pytest.mark.slow
    def test_equals_are_seldom_called_worse(self):
        dice = random.Random(9)  # noqa: S311
        pairs = [[some(*(dice.gauss(10, 2) for _ in range(10))) for _ in "ab"] for _ in range(20)]
        assert sum(self.judge(a, b) is Judgement.WORSE for a, b in pairs) <= 2

    def test_runs_that_never_came_back_count_as_worse(self):
        old = some(*(10 + n / 10 for n in range(8)))
        assert self.judge(old, some(10, *[None] * 7)) is Judgement.WORSE

    def test_failing_more_is_worse_even_if_every_number_is_the_same(self):
        failed = [a_row(0, span(1), verdict=Verdict.FAILED)]
        found = compare("a", [a_row(0, span(1))], "b", failed)
        assert (found.verdicts, found.judgement) == (Judgement.WORSE, Judgement.WORSE)
        one_of_eight = [a_row(n, span(1), verdict=Verdict.FAILED if not n else Verdict.PASSED) for n in range(8)]
        assert compare("a", some(*[1.0] * 8), "b", one_of_eight).verdicts is Judgement.SAME
        all_of_eight = [replace(one, verdict=Verdict.FAILED) for one in one_of_eight]
        assert compare("a", some(*[1.0] * 8), "b", all_of_eight).verdicts is Judgement.WORSE

    def test_an_inconclusive_side_cannot_be_judged_and_others_are_left_out(self):
        unsound = a_row(0, span(900), verdict=Verdict.INCONCLUSIVE)
        found = compare("a", some(1), "b", [unsound])
        assert (found.judgement, found.quantities) == (Judgement.UNKNOWN, ())
        assert found.notes[0] == "B, b, is inconclusive: why 0"
        assert compare("a", [], "b", []).judgement is Judgement.UNKNOWN
        mixed = compare("a", some(1, 1, 1), "b", [*some(1, 1, 1), unsound])
        assert (mixed.judgement, mixed.b.sound) == (Judgement.SAME, 3)


def test_the_noise_of_an_older_result_s_counts_is_not_known():
    older = row(story("calm").result)
    assert {one.name for one in older.measured if one.noise} == {"rto_s", "replica_rto_s", "detect_s"}
    assert compare("a", [older], "b", [older]).judgement is Judgement.UNKNOWN


def test_the_trend_is_the_newest_sound_run_against_all_before():
    rows = [*some(1, 1.2, 1.1), a_row(50, span(70), verdict=Verdict.INCONCLUSIVE)]
    assert pasts(rows, 10).drills[0].trends["rto_s"] is Judgement.SAME
    found = pasts([*rows, a_row(55, span(5))], 3).drills[0]
    assert found.trends["rto_s"] is Judgement.WORSE
    assert [run.run_id[-16:-13] for run in found.runs] == ["02Z", "50Z", "55Z"]


def _about(span: Interval) -> Interval:
    return Interval(lower=0.8 * span.lower, upper=1.2 * span.upper)


def leave(folder: Path, name: StoryName, **changes: object) -> RunResult:
    """A run's folder with the result of a story, under the folder's own name."""
    folder.mkdir(parents=True)
    told = story(name)
    measured = tuple(
        Measured(name=one.name, unit=one.unit, actual=one.actual, noise=one.actual and _about(one.actual))
        for one in told.result.objectives
    )
    result = replace(told.result, run_id=folder.name, measured=measured, **changes)  # type: ignore[arg-type]
    (folder / "plan.json").write_bytes(TypeAdapter(Plan).dump_json(told.plan) + b"\n")
    (folder / "result.json").write_text(to_json(result))
    return result


@pytest.fixture
def project(tmp_path: Path) -> Project:
    for name in ("drills", "playbooks", "roles"):
        (tmp_path / name).mkdir()
    made = Project(root=tmp_path)
    leave(made.runs / "20261124T100000Z-server_crash", "calm")
    leave(made.runs / "20261124T110000Z-server_crash", "outage")
    leave(made.runs / "20261124T120000Z-server_crash", "no_effect")
    return made


def call(project: Project, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["--project", str(project.root), *arguments])


CALM, OUTAGE, NO_EFFECT = (f"20261124T1{hour}0000Z-server_crash" for hour in range(3))


class TestStore:
    def test_it_follows_the_folders(self, project: Project):
        assert [one.run_id for one in stored_rows(project.runs)] == [CALM, OUTAGE, NO_EFFECT]
        leave(project.runs / "20261124T130000Z-server_crash", "calm", verdict=Verdict.FAILED)
        (project.runs / CALM / "result.json").unlink()
        text = (project.runs / OUTAGE / "result.json").read_text()
        text = text.replace('"verdict": "failed",\n  "version"', '"verdict": "passed",\n  "version"')
        (project.runs / OUTAGE / "result.json").write_text(text)
        assert [(one.run_id[9:11], one.verdict) for one in stored_rows(project.runs)] == [
            ("11", "passed"),
            ("12", "inconclusive"),
            ("13", "failed"),
        ]

    def test_it_is_a_cache_that_is_used(self, project: Project):
        stored_rows(project.runs)
        with sqlite3.connect(project.runs / STORE) as store:
            store.execute('UPDATE runs SET row = replace(row, \'"verdict":"passed"\', \'"verdict":"failed"\')')
        assert [one.verdict for one in stored_rows(project.runs)] == ["failed", "failed", "inconclusive"]

    @pytest.mark.parametrize("harm", ["garbage", "cut", "newer", "other_table", "row", "empty"])
    def test_what_cannot_be_used_is_made_again(self, project: Project, harm: str):
        good = stored_rows(project.runs)
        path = project.runs / STORE
        if harm == "garbage":
            path.write_bytes(b"no database" * 1000)
        elif harm == "cut":
            path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        elif harm == "empty":
            path.write_bytes(b"")
        else:
            with sqlite3.connect(path) as store:
                store.executescript(
                    {
                        "newer": "PRAGMA user_version = 99",
                        "other_table": "DROP TABLE runs; CREATE TABLE runs (x)",
                        "row": "UPDATE runs SET row = '{}'",
                    }[harm]
                )
        assert stored_rows(project.runs) == good
        assert stored_rows(project.runs) == good

    def test_a_store_that_somebody_holds_is_left_alone(self, project: Project, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setattr("drill_runner.history.store.BUSY_S", 0.05)
        stored_rows(project.runs)
        before = (project.runs / STORE).read_bytes()
        holder = sqlite3.connect(project.runs / STORE)
        holder.execute("BEGIN EXCLUSIVE")
        assert len(stored_rows(project.runs)) == 3
        holder.close()
        assert (project.runs / STORE).read_bytes() == before

    def test_no_runs_at_all(self, tmp_path: Path):
        assert stored_rows(tmp_path / "none") == ()


class TestHistory:
    def test_for_people_and_for_programs(self, project: Project):
        done = call(project, "history", DRILL, "--last", "2")
        assert done.exit_code == 0
        lines = [line.split()[:2] for line in done.output.splitlines() if "Z-" in line]
        assert lines[:2] == [[OUTAGE, "failed"], [NO_EFFECT, "inconclusive"]]
        printed = call(project, "history", "--json").stdout
        fits(printed, "history")
        (past,) = json.loads(printed)["drills"]
        assert (past["drill"], len(past["runs"]), past["trends"]["rto_s"]) == (DRILL, 3, "worse")

    @pytest.mark.parametrize(("width", "tables"), [(60, 3), (80, 2), (160, 1)])
    def test_what_does_not_fit_beside_the_runs_goes_under_them(self, width: int, tables: int):
        names = ("rto_s", "replica_rto_s", "detect_s", "failed_requests", "availability", "ttft_p99_ms", "itl_p99_ms")
        value = span(123.4, 567.8)
        measured = tuple(Measured(name=name, unit="s", actual=value, noise=value) for name in names)
        out = StringIO()
        show_pasts(
            pasts([replace(one, measured=measured) for one in some(1, 2)], 5).drills, Console(file=out, width=width)
        )
        lines = out.getvalue().splitlines()
        heads = [line for line in lines if line.startswith(" run ")]
        assert len(heads) == tables
        assert all(sum(SHORT[name] in head for head in heads) == 1 for name in names)
        assert sum(line.count("123-568") for line in lines) == 2 * len(names)
        assert max(map(len, lines)) <= width

    def test_an_unknown_drill_and_no_runs(self, project: Project, tmp_path: Path):
        assert "did you mean server_crash" in call(project, "history", "server_crush").stderr
        assert call(project, "history", "--runs", str(tmp_path / "none")).exit_code == 0


@pytest.mark.parametrize("name", schema.SCHEMAS)
def test_every_schema_is_printed_and_its_name_explained(project: Project, name: str):
    assert call(project, "schema", name).stdout == schema.path(name).read_text()
    assert f"\n    {name} " in call(project, "schema", "--help").stdout


@pytest.mark.parametrize(
    ("command", "named"),
    [
        ("run", ("result", "summary")),
        ("evaluate", ("result", "summary")),
        ("observe", ("result",)),
        ("compare", ("comparison",)),
        ("history", ("history",)),
    ],
)
def test_help_says_how_to_get_the_schema(project: Project, command: str, named: tuple[str, ...]):
    said = " ".join(call(project, command, "--help").stdout.split())
    assert all(f"`drill_runner schema {name}`" in said for name in named)


class TestCompareCommand:
    @pytest.mark.parametrize(
        ("a", "b", "code"), [(CALM, OUTAGE, 1), (OUTAGE, CALM, 0), (CALM, CALM, 0), (CALM, "latest", 3)]
    )
    def test_the_gate(self, project: Project, a: str, b: str, code: int):
        assert call(project, "compare", a, b, "--gate").exit_code == code
        assert call(project, "compare", a, b).exit_code == 0

    def test_for_programs(self, project: Project):
        printed = call(project, "compare", CALM, OUTAGE, "--json").stdout
        fits(printed, "comparison")
        found = json.loads(printed)
        assert found["judgement"] == "worse"
        rto = next(one for one in found["quantities"] if one["name"] == "rto_s")
        assert rto["a"]["upper"] < rto["b"]["lower"]

    def test_what_only_one_side_has_is_shown_and_decides_as_it_should(self, project: Project):
        newer = project.runs / "20261124T130000Z-server_crash"
        told = leave(newer, "calm")
        more = Measured(name="goodput_min", unit="share", actual=span(0.95), noise=span(0.9, 0.97))
        (newer / "result.json").write_text(to_json(replace(told, measured=(*told.measured, more))))
        gone, new = (call(project, "compare", *sides, "--gate") for sides in ((newer.name, CALM), (CALM, newer.name)))
        assert (gone.exit_code, new.exit_code) == (3, 0)
        assert re.search(r"Goodput +90 to 97 % +only in A", gone.output)
        assert re.search(r"Goodput +90 to 97 % +only in B", new.output)
        printed = call(project, "compare", newer.name, CALM, "--json").stdout
        fits(printed, "comparison")
        assert [one["name"] for one in json.loads(printed)["only_in_a"]] == ["goodput_min"]

    def test_what_is_not_there(self, project: Project):
        assert "no such run" in call(project, "compare", CALM, "nothing").stderr
        (project.runs / CALM / "result.json").write_text("{}")
        assert "damaged" in call(project, "compare", CALM, OUTAGE).stderr


def _of(plan: Plan, record: Record) -> Record:
    return replace(record, lease=plan.leases[0].id) if isinstance(record, EffectShown) else record


class TestRepeat:
    """`repeat_drill` with runs that are simulated: no host, no Ansible."""

    def simulated(self, monkeypatch: pytest.MonkeyPatch, *, reverted: bool = True) -> list[tuple[Plan, Delay]]:
        ran: list[tuple[Plan, Delay]] = []

        def simulated_run(plan: Plan, _project: object, _inventory: object, folder: Path, **given: object) -> Done:
            assert isinstance(given["delay"], Delay)
            ran.append((plan, given["delay"]))
            folder.mkdir(parents=True)
            runs.write(
                replace(runs.history(), plan=plan, records=tuple(_of(plan, one) for one in runs.records())), folder
            )
            result = evaluate(read_run(folder))
            (folder / "result.json").write_text(to_json(result))
            return Done(result=result, folder=folder, reverted=reverted)

        monkeypatch.setattr(repeat, "carry_out", simulated_run)
        monkeypatch.setattr(repeat, "refuse_other_leases", lambda *_: None)
        return ran

    def go(
        self, project: Project, times: int, why_stop: str | None = None, closed: str | None = None
    ) -> tuple[Summary, Path]:
        plan = replace(runs.plan(), run_id="20260101T000000Z-server_crash")
        return repeat.repeat_drill(
            plan,
            project,
            project.root,
            project.runs,
            times=times,
            seed=11,
            span_s=4,
            progress=Quiet(),
            stop=lambda: why_stop,
            closed=lambda: closed,
        )

    def test_runs_are_of_one_folder_each_with_its_own_leases_and_moment(
        self, project: Project, monkeypatch: pytest.MonkeyPatch
    ):
        ran = self.simulated(monkeypatch)
        summary, folder = self.go(project, 3)
        assert folder.name == "20260101T000000Z-server_crash-x3"
        assert [delay.number for _, delay in ran] == [1, 2, 3]
        assert len({delay.seconds for _, delay in ran}) == len({plan.leases[0].id for plan, _ in ran}) == 3
        assert (summary.verdict, len(summary.runs), summary.stopped, summary.seed) == (Verdict.PASSED, 3, None, 11)
        fits((folder / "summary.json").read_text(), "summary")
        for run in summary.runs:
            fits((folder / run.run_id / "result.json").read_text(), "result")
        assert json.loads((folder / "summary.json").read_text())["wanted"] == 3
        assert all((folder / run.run_id / "result.json").exists() for run in summary.runs)
        assert len(stored_rows(project.runs)) == 6

    def test_it_ends_when_told_to_or_when_something_may_still_be_broken(
        self, project: Project, monkeypatch: pytest.MonkeyPatch
    ):
        self.simulated(monkeypatch, reverted=False)
        summary, _ = self.go(project, 3)
        assert (len(summary.runs), summary.stopped) == (1, repeat.LEFT_BROKEN)
        self.simulated(monkeypatch)
        summary, _ = self.go(project, 4, "interrupted by SIGINT")
        assert (len(summary.runs), summary.stopped) == (1, "interrupted by SIGINT")

    def test_no_run_begins_in_time_that_is_not_allowed(self, project: Project, monkeypatch: pytest.MonkeyPatch):
        self.simulated(monkeypatch)
        assert self.go(project, 1, closed="closed now")[0].stopped is None
        self.simulated(monkeypatch)
        summary, _ = self.go(project, 3, closed="closed now")
        assert (len(summary.runs), summary.stopped) == (1, "closed now")

    def test_other_commands_take_its_folder(self, project: Project, monkeypatch: pytest.MonkeyPatch):
        self.simulated(monkeypatch)
        _, folder = self.go(project, 2)
        before = (folder / "summary.json").read_bytes()
        done = call(project, "evaluate", folder.name)
        assert (done.exit_code, (folder / "summary.json").read_bytes()) == (0, before)
        assert "server_crash x 2" in call(project, "report", folder.name).output
        assert call(project, "report", folder.name, "--format", "json").stdout == before.decode()
        assert call(project, "report", folder.name, "--format", "junit").exit_code == 2
        assert (
            call(project, "compare", folder.name, str(folder.rename(folder.with_name("kept"))), "--gate").exit_code == 2
        )
        assert call(project, "compare", "kept", "kept", "--gate").exit_code == 0
        assert len(json.loads(call(project, "list", "runs", "--json").stdout)) == 5

    def test_the_fault_waits_for_its_moment_and_the_journal_says_how_long(self, project: Project, tmp_path: Path):
        delay = Delay(seconds=0.3, span_s=4, seed=11, number=2)

        class SimulatedObserver(Observer):
            def poll(self) -> list[Sample]:
                return []

        plan = runs.plan()
        with Journal(tmp_path / "journal.jsonl") as journal:
            session = Session(
                plan=plan,
                project=project,
                inventory=project.root,
                folder=tmp_path,
                journal=journal,
                observer=SimulatedObserver(config_for(plan.endpoint, plan.probe), tmp_path / "samples.jsonl"),
                progress=Quiet(),
                stop=lambda: None,
                delay=delay,
            )
            began = time.monotonic()
            phases._drawn_wait(session)
            assert time.monotonic() - began >= delay.seconds
        (line,) = (tmp_path / "journal.jsonl").read_text().splitlines()
        assert json.loads(line)["delay"] == {"seconds": 0.3, "span_s": 4.0, "seed": 11, "number": 2}

    def test_seed_without_repeat_is_refused(self, project: Project):
        assert "expected --repeat" in call(project, "run", DRILL, "--seed", "3").stderr
