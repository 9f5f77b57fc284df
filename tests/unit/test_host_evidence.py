"""What hosts tell: recorded journals of a real drill, read by the module and placed on the controller's clock.

Recorded: `server_crash` on gpu1 of the lab, whose hosts share the controller's clock.
"""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from drill_runner.drill.folder import keep_evidence
from drill_runner.evaluate import evaluate, pool_log, to_json
from drill_runner.evaluate.evidence import DRIFT, Witness, clock_of, witnesses
from drill_runner.evaluate.history import History, read_run
from drill_runner.evaluate.restart import restart_of
from drill_runner.evaluate.stretches import stretches
from drill_runner.model.base import Interval
from drill_runner.model.evidence import Event, Exchange, HostEvidence, Told, Unit
from drill_runner.model.record import EvidenceCollected, Record
from drill_runner.model.result import Mark, MarkName, Result
from plugins.modules import host_evidence as module
from tests.unit.runs import BEGIN, history, plan, records, watched, write
from tests.unit.runs import probes as good_probes

RECORDED = Path(__file__).parent / "recorded"
EFFECT = Interval(lower=6393.921566821904, upper=6394.261839566867)
REVERT = 6410.0
READY = r"^serving \S+ at |Application startup complete"


def entries(name: str) -> list[dict[str, str]]:
    return list(module.entries_of((RECORDED / name).read_text()))


def server_events(said: Sequence[dict[str, str]] | None = None) -> list[dict[str, object]]:
    lines = entries("server_crash_gpu1.jsonl") if said is None else said
    return list(module.of_model_server(lines, "llm-server.service", "llm-server", "llm-server-verify.service", READY))


def balancer_events() -> list[dict[str, object]]:
    return list(module.of_load_balancer(entries("server_crash_lb1.jsonl"), "llm_servers"))


def exchange(asked: float, answered: float, monotonic: float) -> Exchange:
    return Exchange(asked=asked, answered=answered, monotonic=monotonic, realtime=0.0)


SAME_CLOCK = (exchange(6408.0, 6408.5, 6408.25), exchange(6408.5, 6408.52, 6408.51))
"""The second one is the tighter one: 10 ms on either side."""


UNIT = Unit(
    name="llm-server.service",
    state="active",
    restarts=1,
    verifies=True,
    verified=6395.1,
    inactive_exit=6394.884,
    main_start=6395.3,
    active_enter=6395.304,
    active_exit=6394.42,
    inactive_enter=6394.49,
)


def told(host: str, events: Sequence[dict[str, object]], unit: Unit | None = None) -> HostEvidence:
    made = TypeAdapter(Told).validate_python({"exchanges": SAME_CLOCK, "unit": unit, "events": events})
    return HostEvidence(host=host, told=made)


def gpu1(unit: Unit | None = UNIT) -> Witness:
    return witnesses([told("gpu1", server_events(), unit)], EFFECT, REVERT)["gpu1"]


# --- the module ------------------------------------------------------------------------------------------------------


def test_a_restart_is_recognised_in_a_recorded_journal():
    seen = [(event["kind"], round(float(str(event["at"])), 3)) for event in server_events()]
    assert seen[7:] == [
        ("unit_exited", 6394.42),
        ("restart_scheduled", 6394.883),
        ("unit_starting", 6394.884),
        ("container_init", 6395.295),
        ("unit_started", 6395.305),
        ("container_started", 6395.322),
        ("engine_ready", 6396.331),
    ]


def test_a_wrong_answer_s_text_is_not_repeated():
    line = {
        "MESSAGE": "down #answer 'What is it?' gives 'abc', golden is 'abd'",
        "_SYSTEMD_UNIT": "llm-server-verify.service",
        "__MONOTONIC_TIMESTAMP": "1000000",
        "__REALTIME_TIMESTAMP": "5000000",
    }
    assert server_events([line]) == [
        {"kind": "verdict_down", "at": 1.0, "since": None, "server": None, "text": "down #answer"}
    ]


def test_state_changes_and_the_first_request_after_them_are_recognised_in_a_recorded_log():
    told_of = [event for event in balancer_events() if event["kind"] != "check_failed"]
    assert [(event["kind"], event["server"]) for event in told_of] == [
        ("server_down", "gpu1"),
        ("server_up", "gpu1"),
        ("request_served", "gpu1"),
    ]
    assert told_of[2]["text"] == "HTTP 200 in 43 ms"
    assert told_of[2]["since"] == pytest.approx(float(str(told_of[2]["at"])) - 0.043)


def test_another_backend_s_servers_are_not_ours():
    assert list(module.of_load_balancer(entries("server_crash_lb1.jsonl"), "others")) == []


def test_no_line_of_clients_is_kept():
    kept = json.dumps([*server_events(), *balancer_events()])
    assert "10.231" not in kept
    assert "/v1/" not in kept


@pytest.mark.parametrize(("stepped", "since"), [(100, 9.9999), (-1, None), (3_600_000_000, None)])
def test_a_clock_that_was_set_meanwhile_says_nothing_of_when_a_line_was_written(stepped, since):
    entry = {"__MONOTONIC_TIMESTAMP": "10000000", "__REALTIME_TIMESTAMP": "7200000000"}
    entry["_SOURCE_REALTIME_TIMESTAMP"] = str(7_200_000_000 - stepped)
    assert module.instants(entry) == (10.0, since)


SHOWN = "LoadState=loaded\nActiveState=active\nNRestarts=2\nInactiveExitTimestampMonotonic=6394496364\n"
STEP = ["/usr/local/libexec/llm-server/verify", [], False, 1, 6394_500_000, 1, 6395_100_000, 7, 1, 0]


def test_systemd_s_time_stamps_are_read():
    unit = module.unit_times("llm-server.service", SHOWN, [STEP])
    assert unit is not None
    assert (unit["verified"], unit["inactive_exit"], unit["active_exit"], unit["restarts"]) == (
        6395.1,
        6394.496364,
        None,
        2,
    )


@pytest.mark.parametrize("step", [[*STEP[:9], 1], [*STEP[:4], 0, 0, 0, 0, 0, 0]])
def test_a_verification_that_failed_or_is_forgotten_is_none(step):
    unit = module.unit_times("llm-server.service", SHOWN, [step])
    assert unit is not None
    assert (unit["verifies"], unit["verified"]) == (True, None)


def test_a_unit_that_is_not_there_is_none():
    assert module.unit_times("llm-server.service", "LoadState=not-found\nActiveState=inactive\n", []) is None


# --- clocks ----------------------------------------------------------------------------------------------------------


def test_exchanges_cut_each_other_s_bounds():
    clock = clock_of([exchange(100.0, 101.0, 50.0), exchange(102.0, 102.02, 51.51), exchange(103.0, 103.5, 53.0)])
    assert clock is not None
    assert clock.ahead == Interval(lower=50.49, upper=50.5)
    found = clock.instant(43.0, 43.0)
    assert (found.lower, found.upper) == pytest.approx((93.49 - 10 * DRIFT, 93.5 + 10 * DRIFT))


def test_contradicting_exchanges_tell_nothing():
    assert clock_of([exchange(100.0, 100.1, 50.0), exchange(200.0, 200.1, 50.0)]) is None
    assert clock_of([]) is None


@given(
    ahead=st.floats(-1e5, 1e5),
    at=st.floats(0, 1e5),
    trips=st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=6),
    drift=st.floats(-DRIFT, DRIFT),
)
def test_the_true_instant_is_inside(ahead, at, trips, drift):
    """Whatever the trips there and back took, and as long as clocks drift by no more than is said."""
    read = at + 60.0
    exchanges = [exchange(read + ahead - there, read + ahead + back, read) for there, back in trips]
    clock = clock_of(exchanges)
    assert clock is not None
    true = at + ahead + drift * (read - at)
    found = clock.instant(at, at)
    assert found.lower - 1e-6 <= true <= found.upper + 1e-6


# --- the steps of a restart ------------------------------------------------------------------------------------------


def test_a_restart_s_steps_have_their_evidence():
    restart = restart_of(gpu1())
    at = [step[0] for step in (restart.began, restart.verified, restart.started, restart.loaded)]
    assert [(round(one.lower, 2), round(one.upper, 2)) for one in at if one] == [
        (6394.87, 6394.89),
        (6395.09, 6395.11),
        (6395.28, 6395.33),
        (6396.32, 6396.34),
    ]
    assert restart.began[1].endswith("Scheduled restart job, restart counter is at 1.")
    assert restart.loaded[1] == "the engine on gpu1: serving smollm2-135m-instruct at http://0.0.0.0:8080"


def test_a_verification_that_systemd_forgot_is_bounded_by_what_surrounds_it():
    at, evidence = restart_of(gpu1(replace(UNIT, verified=None))).verified
    assert at is not None
    assert (round(at.lower, 2), round(at.upper, 2)) == (6394.87, 6395.31)
    assert "whose first step it is" in evidence


def test_a_verification_of_the_start_before_the_fault_is_not_this_one_s():
    at, _ = restart_of(gpu1(replace(UNIT, verified=6356.9))).verified
    assert at is not None
    assert at.width > 0.3


def test_without_a_unit_that_verifies_nothing_is_guessed():
    assert restart_of(gpu1(None)).started[0] is not None
    assert restart_of(gpu1(None)).verified == (None, "gpu1 has no unit that verifies weights before it starts")


def test_an_engine_that_never_started_says_so():
    before = [event for event in server_events() if float(str(event["at"])) < 6394.3]
    witness = witnesses([told("gpu1", before, replace(UNIT, main_start=6356.9, inactive_exit=6356.6))], EFFECT, REVERT)
    restart = restart_of(witness["gpu1"])
    assert [step[0] for step in (restart.began, restart.verified, restart.started, restart.loaded)] == [None] * 4


def again(events: Sequence[dict[str, object]], by: float) -> list[dict[str, object]]:
    """The restart once more, `by` seconds later."""
    return [
        {**event, "at": float(str(event["at"])) + by, "since": None}
        for event in events
        if float(str(event["at"])) > EFFECT.upper
    ]


def test_of_several_restarts_the_last_one_is_the_one_that_serves():
    events = [*server_events(), *again(server_events(), 5.0)]
    restart = restart_of(witnesses([told("gpu1", events, UNIT)], EFFECT, REVERT)["gpu1"])
    began, verified, started, loaded = (
        one[0] for one in (restart.began, restart.verified, restart.started, restart.loaded)
    )
    assert began is not None
    assert verified is not None
    assert started is not None
    assert loaded is not None
    assert [round(one.upper, 2) for one in (began, started, loaded)] == [6394.89, 6400.33, 6401.34]


def test_a_verification_after_the_engine_s_start_was_another_one():
    restart = restart_of(gpu1(replace(UNIT, verified=6399.0)))
    assert restart.verified[0] is not None
    assert restart.verified[0].upper < 6395.4


def test_without_a_new_start_the_verifier_s_word_counts_when_it_turned():
    def said(kind: str, at: float) -> dict[str, object]:
        return {"kind": kind, "at": at, "text": "down #digest" if kind == "verdict_down" else "up"}

    spoken = [said("verdict_up", 6394.3), said("verdict_down", 6395.0), said("verdict_up", 6399.0)]
    idle = replace(UNIT, main_start=6356.9)
    at, evidence = restart_of(witnesses([told("gpu1", spoken, idle)], EFFECT, REVERT)["gpu1"]).verified
    assert at is not None
    assert (round(at.lower, 2), round(at.upper, 2)) == (6398.94, 6399.01)
    assert evidence == "the verifier on gpu1: up after down #digest"
    at, _ = restart_of(witnesses([told("gpu1", spoken[:2], idle)], EFFECT, REVERT)["gpu1"]).verified
    assert at is None


def test_where_the_start_does_not_verify_the_verifier_s_word_counts_too():
    said: list[dict[str, object]] = [
        {"kind": "verdict_down", "at": 6394.6, "text": "down #digest"},
        {"kind": "verdict_up", "at": 6397.0, "text": "up"},
    ]
    events = sorted([*server_events(), *said], key=lambda event: float(str(event["at"])))
    witness = witnesses([told("gpu1", events, replace(UNIT, verifies=False))], EFFECT, REVERT)["gpu1"]
    at, evidence = restart_of(witness).verified
    assert at is not None
    assert (round(at.lower, 2), round(at.upper, 2)) == (6396.94, 6397.01)
    assert evidence == "the verifier on gpu1: up after down #digest"
    assert restart_of(witness).started[0] is not None


def test_what_came_with_the_revert_is_not_the_recovery():
    witness = witnesses([told("gpu1", server_events(), UNIT)], EFFECT, 6395.0)["gpu1"]
    assert restart_of(witness).started[0] is None


def test_evidence_as_a_run_of_the_lab_left_it():
    """The whole way: what the playbook collected in a drill, from its file. Both hosts' clock is the controller's."""
    lines = (RECORDED / "server_crash_evidence.jsonl").read_text().splitlines()
    hosts = [TypeAdapter(HostEvidence).validate_json(line) for line in lines]
    effect = Interval(lower=8184.85814483216, upper=8185.15950950821)
    seen = witnesses(hosts, effect, 8198.0)
    for witness in seen.values():
        assert witness.clock.ahead.lower <= 0 <= witness.clock.ahead.upper
        assert witness.clock.ahead.width < 0.03
    restart = restart_of(seen["gpu1"])
    at = [step[0] for step in (restart.began, restart.verified, restart.started, restart.loaded)]
    assert [round(one.upper, 2) for one in at if one] == [8185.89, 8186.07, 8186.29, 8187.4]
    assert restart.verified[1].endswith("the verification before the engine's start ended well")
    down, up = pool_log.left(seen.values(), "gpu1"), pool_log.came_back(seen.values(), "gpu1")
    assert down is not None
    assert up is not None
    assert down.at.upper < up.at.lower


# --- the load balancer's log -----------------------------------------------------------------------------------------


def balancers(*more: HostEvidence) -> list[Witness]:
    return list(witnesses([told("lb1", balancer_events()), *more], EFFECT, REVERT).values())


def test_the_log_tells_when_a_server_left_and_why_and_when_it_was_back():
    seen = balancers()
    down, up, served = (one(seen, "gpu1") for one in (pool_log.left, pool_log.came_back, pool_log.served))
    assert down is not None
    assert up is not None
    assert served is not None
    assert [round(one.at.upper, 2) for one in (down, up, served)] == [6394.24, 6396.50, 6396.58]
    assert down.at.width < 0.03
    assert pool_log.why(seen, down).startswith("reason: Health analyze")
    assert pool_log.left(seen, "gpu2") is None


def test_a_server_that_is_down_for_one_load_balancer_is_not_back():
    down_only = [event for event in balancer_events() if event["kind"] == "server_down"]
    assert pool_log.came_back(balancers(told("lb2", down_only)), "gpu1") is None


@pytest.mark.parametrize(
    ("polled", "logged", "both"),
    [
        ((1.0, 1.2), (1.1, 1.15), (1.1, 1.15)),
        ((1.0, 1.2), (1.15, 1.3), (1.15, 1.2)),
        ((1.0, 1.2), (5.0, 5.1), (1.0, 1.2)),
        ((1.0, 1.2), None, (1.0, 1.2)),
        (None, (1.1, 1.15), (1.1, 1.15)),
        (None, None, None),
    ],
)
def test_two_views_of_one_instant_share_what_they_share(polled, logged, both):
    def made(span: tuple[float, float] | None) -> Interval | None:
        return Interval(lower=span[0], upper=span[1]) if span else None

    assert pool_log.narrowed(made(polled), made(logged)) == made(both)


# --- a run with evidence ---------------------------------------------------------------------------------------------


def shifted(events: Sequence[dict[str, object]], by: float, server: str | None) -> list[Event]:
    """Recorded events on another run's clock."""
    moved = TypeAdapter(tuple[Event, ...]).validate_python(events)
    return [
        replace(
            one,
            at=one.at + by,
            since=None if one.since is None else one.since + by,
            server=server if one.server else None,
        )
        for one in moved
    ]


EFFECT_AT = BEGIN + 2.03
BY = EFFECT_AT - 6394.2


def evidence() -> tuple[HostEvidence, ...]:
    """The recorded hosts, as if they had been gpu2's in the made-up run."""
    now = exchange(BEGIN + 5.0, BEGIN + 5.002, BEGIN + 5.001)
    stamps = ("verified", "inactive_exit", "main_start", "active_enter", "active_exit", "inactive_enter")
    unit = replace(UNIT, **{name: getattr(UNIT, name) + BY for name in stamps})
    server = tuple(event for event in shifted(server_events(), BY, None) if event.at > EFFECT_AT)
    balancer = tuple(event for event in shifted(balancer_events(), BY, "gpu2") if event.at > EFFECT_AT)
    return (
        HostEvidence(host="gpu2", told=Told(exchanges=(now,), unit=unit, events=server)),
        HostEvidence(host="lb1", told=Told(exchanges=(now,), unit=None, events=balancer)),
    )


def run_with_evidence(journal: Sequence[Record] | None = None) -> History:
    collected = EvidenceCollected(at=BEGIN + 5, hosts=("gpu2", "lb1"))
    kept = tuple(journal or (*records()[:-1], collected, records()[-1]))
    return replace(history(watched(good_probes(48))), records=kept, evidence=evidence())


def marked(result: Result, name: MarkName) -> Mark:
    return next(mark for mark in result.marks if mark.name == name)


def test_the_log_detects_where_the_statistics_saw_nothing():
    detected = marked(evaluate(run_with_evidence()), "detected")
    assert detected.instant is not None
    assert detected.instant.width < 0.01
    assert "lb1's log: reason: Health analyze" in detected.evidence


def test_every_step_is_a_mark_with_its_evidence():
    result = evaluate(run_with_evidence())
    names: tuple[MarkName, ...] = (
        "recovery_started",
        "weights_verified",
        "process_started",
        "model_loaded",
        "replica_back",
    )
    found = [marked(result, name) for name in names]
    assert [round(mark.instant.upper, 1) for mark in found if mark.instant] == [2.7, 2.9, 3.2, 4.2, 4.3]
    assert all(mark.since_effect is not None for mark in found)


def test_of_several_targets_the_last_one_counts_and_the_first_one_begins():
    gpu2, balancer = evidence()
    behind = tuple(replace(event, at=event.at + 0.5, since=None) for event in gpu2.told.events)
    assert gpu2.told.unit is not None
    late = replace(gpu2.told, events=behind, unit=replace(gpu2.told.unit, verified=None))
    two = replace(plan().leases[0], targets=("gpu1", "gpu2"))
    run = replace(run_with_evidence(), plan=replace(plan(), leases=(two,)))
    result = evaluate(replace(run, evidence=(gpu2, replace(gpu2, host="gpu1", told=late), balancer)))
    steps: tuple[MarkName, ...] = ("recovery_started", "process_started", "model_loaded")
    found = [marked(result, name).instant for name in steps]
    assert [round(one.upper, 1) for one in found if one] == [2.7, 3.7, 4.7]
    assert marked(result, "model_loaded").evidence.count("the engine on") == 2


def test_without_evidence_a_mark_says_why():
    collected = EvidenceCollected(at=BEGIN + 5, hosts=("lb1",), problem="no answer from gpu2")
    journal = (*records()[:-1], collected, records()[-1])
    result = evaluate(replace(run_with_evidence(journal), evidence=evidence()[1:]))
    mark = marked(result, "process_started")
    assert (mark.instant, mark.evidence) == (None, "no evidence from gpu2: no answer from gpu2")


def test_postconditions_passed_not_before_all_of_them_were_run():
    mark = marked(evaluate(history()), "postconditions_passed")
    assert mark.instant is not None
    assert (mark.instant.lower, mark.instant.upper) == pytest.approx((4.1, 5.0))


def test_stretches_follow_on_each_other():
    result = evaluate(run_with_evidence())
    pairs = [(stretch.after, stretch.until) for stretch in result.stretches]
    assert pairs[0][0] == "effect"
    assert [after for after, _ in pairs[1:]] == [until for _, until in pairs[:-1]]
    order = [until for _, until in pairs]
    steps = ["detected", "recovery_started", "weights_verified", "process_started", "model_loaded", "replica_back"]
    assert [name for name in order if name in steps] == steps


spans = st.tuples(st.floats(0, 100), st.floats(0, 10)).map(lambda one: Interval(lower=one[0], upper=one[0] + one[1]))
NAMES: tuple[MarkName, ...] = ("effect", "first_failure", "detected", "process_started", "restored", "whole")


@given(at=st.lists(st.none() | spans, min_size=len(NAMES), max_size=len(NAMES)))
def test_no_stretch_is_negative_and_none_is_lost(at):
    marks = [Mark(name=name, instant=one, since_effect=None, evidence="") for name, one in zip(NAMES, at, strict=True)]
    made = stretches(marks)
    known = [mark for mark in marks if mark.instant]
    assert len(made) == (len(known) - 1 if at[0] else 0)
    assert all(0 <= stretch.duration.lower <= stretch.duration.upper for stretch in made)


@given(at=st.lists(spans, min_size=len(NAMES), max_size=len(NAMES)))
def test_marks_that_do_not_overlap_are_in_order(at):
    instants = [
        Interval(lower=200.0 * number + one.lower, upper=200.0 * number + one.upper) for number, one in enumerate(at)
    ]
    marks = [
        Mark(name=name, instant=one, since_effect=None, evidence="") for name, one in zip(NAMES, instants, strict=True)
    ]
    made = stretches(list(reversed(marks)))
    assert [stretch.until for stretch in made] == list(NAMES[1:])
    assert all(stretch.duration.lower > 0 for stretch in made)


def test_a_stored_run_is_judged_the_same_again(tmp_path):
    run = run_with_evidence()
    folder = write(run, tmp_path / run.folder)
    keep_evidence(folder, run.evidence)
    first, again = read_run(folder), read_run(folder)
    assert first.evidence == run.evidence
    assert to_json(evaluate(first)) == to_json(evaluate(again)) == to_json(evaluate(run))


def test_an_older_run_has_no_evidence_and_no_problem(tmp_path):
    folder = write(history(), tmp_path / "old")
    assert read_run(folder).evidence == ()
    assert read_run(folder).problems == ()


def test_evidence_that_is_gone_or_cut_off_is_a_problem(tmp_path):
    run = run_with_evidence()
    folder = write(run, tmp_path / run.folder)
    assert [problem.split(":")[0] for problem in read_run(folder).problems] == ["evidence.jsonl cannot be read"]
    keep_evidence(folder, run.evidence)
    whole = (folder / "evidence.jsonl").read_bytes()
    (folder / "evidence.jsonl").write_bytes(whole[:-40])
    assert any("line 2 cannot be read" in problem for problem in read_run(folder).problems)
    assert any("cut off" in problem for problem in read_run(folder).problems)
