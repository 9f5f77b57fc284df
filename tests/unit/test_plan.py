from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from drill_runner.errors import UsageError
from drill_runner.model.drill import BlastRadius, Detection, Drill, FaultUse, Objectives, ProbePlan, Recovery
from drill_runner.model.fault import Fault, Fidelity, Manifest, Parameter
from drill_runner.model.inventory import Endpoint, Host, Inventory
from drill_runner.model.plan import Phase, Plan
from drill_runner.plan import lease_id, make_plan, new_run_id
from drill_runner.report.plan_text import plan_text

RUN_ID = "20261124T100404Z-test"
FAULTS = {
    "flip": Fault(
        name="flip",
        manifest=Manifest(summary="Flips bits.", fidelity=Fidelity.REAL, target_group="servers", time_limit_s=90),
        parameters=(Parameter(name="bytes", type="int", description="How many.", default=1),),
    ),
    "cut": Fault(
        name="cut", manifest=Manifest(summary="Cuts the power.", fidelity=Fidelity.REAL, target_group="balancers")
    ),
}
FAULTS["off"] = replace(
    FAULTS["cut"], name="off", manifest=replace(FAULTS["cut"].manifest, further_groups=("servers",))
)
FAULTS["wipe"] = replace(FAULTS["flip"], name="wipe", manifest=replace(FAULTS["flip"].manifest, destructive=True))
SERVERS = ("one", "two", "three")
INVENTORY = Inventory(
    source="inventories/lab",
    hosts=(
        *(Host(name=name, groups=frozenset({"all", "servers"}), drill_allowed=True) for name in SERVERS),
        Host(name="lb", groups=frozenset({"all", "balancers"}), drill_allowed=True),
        Host(name="prod", groups=frozenset({"all", "servers"})),
    ),
    endpoint=Endpoint(url="http://127.0.0.1:8000", model="tiny", pool_stats_url="http://127.0.0.1:1", pool_backend="b"),
)
DRILL = Drill(
    name="test",
    summary="A test.",
    faults=(FaultUse(fault="flip", targets="a", params={"bytes": 7}),),
    steady_state=("endpoint",),
    recovery=Recovery(within_s=40),
    postconditions=("endpoint", "whole"),
)


WIPES = replace(DRILL, faults=(FaultUse(fault="wipe", targets="a"),))


def plan(*targets: tuple[str, ...], drill: Drill = DRILL, inventory: Inventory = INVENTORY) -> Plan:
    """A plan of `drill` in which the patterns a, b, … name `targets`."""
    return make_plan(drill, FAULTS, inventory, dict(zip("abc", targets, strict=False)), RUN_ID)


def refusal(*targets: tuple[str, ...], drill: Drill = DRILL, inventory: Inventory = INVENTORY) -> str:
    with pytest.raises(UsageError) as raised:
        plan(*targets, drill=drill, inventory=inventory)
    return str(raised.value)


def said(made: Plan, rail: str) -> str:
    return next(each.says for each in made.guard_rails if each.name == rail)


def two_faults(second: str = "flip", **radius: int) -> Drill:
    uses = (FaultUse(fault="flip", targets="a"), FaultUse(fault=second, targets="b", time_limit_s=60))
    return replace(DRILL, faults=uses, blast_radius=BlastRadius(**radius))


def test_leases() -> None:
    made = plan(("one",), ("lb",), drill=two_faults("cut", max_hosts=2, keep_serving=0))
    assert [lease.id for lease in made.leases] == ["20261124t100404z-flip-1", "20261124t100404z-cut-2"]
    assert [lease.targets for lease in made.leases] == [("one",), ("lb",)]
    assert [lease.limit_s for lease in made.leases] == [90, 60]
    assert made.targets == ("one", "lb")
    assert plan(("one",)).leases[0].variables == {"fault_flip_bytes": 7}


def test_a_lease_outlasts_what_is_judged_before_it_ends() -> None:
    # 10 s to show the effect, 200 s to recover, 5 s to settle: more than the fault's own 90 s.
    patient = replace(DRILL, recovery=Recovery(within_s=200))
    assert plan(("one",), drill=patient).leases[0].limit_s == 215
    hasty = replace(patient, faults=(replace(DRILL.faults[0], time_limit_s=214),))
    assert refusal(("one",), drill=hasty) == (
        "drills/test.yml: faults[0].time_limit_s: 214 s; expected at least the 215 s that effect, "
        "detection and recovery may take, or the target's own undo could pass for the recovery"
    )


def test_a_lease_outlasts_the_faults_that_are_injected_after_it() -> None:
    # 10 s to show each effect, 40 s to recover, 5 s to settle: the first one needs 65 s, the second one 55 s.
    uses = tuple(FaultUse(fault="flip", targets=name, time_limit_s=limit) for name, limit in (("a", 64), ("b", 55)))
    drill = replace(DRILL, faults=uses, blast_radius=BlastRadius(max_hosts=2))
    assert "faults[0].time_limit_s: 64 s; expected at least the 65 s" in refusal(("one",), ("two",), drill=drill)
    enough = replace(drill, faults=(replace(uses[0], time_limit_s=65), uses[1]))
    assert [lease.limit_s for lease in plan(("one",), ("two",), drill=enough).leases] == [65, 55]


def test_a_fault_for_several_groups_breaks_those_that_its_targets_are_in() -> None:
    off = replace(DRILL, faults=(FaultUse(fault="off", targets="a"),))
    assert said(plan(("one",), drill=off), "blast_radius.keep_serving") == (
        "3 of servers would be left untouched, at least 1"
    )
    assert refusal(("lb",), drill=off) == (
        "drills/test.yml: blast_radius.keep_serving: 0 of balancers would be left untouched; expected at least 1"
    )
    elsewhere = replace(INVENTORY, hosts=(*INVENTORY.hosts, Host(name="store", drill_allowed=True)))
    assert refusal(("store",), drill=off, inventory=elsewhere) == (
        "drills/test.yml: faults[0].targets: store is not in balancers or servers, the groups that off breaks; "
        "expected lb, one, two, three, prod"
    )


def test_steps() -> None:
    made = plan(("one",), drill=replace(DRILL, recovery=Recovery(playbook="recover_host", within_s=70)))
    assert [(step.phase, step.playbook, step.hosts, step.checks, step.at_most_s) for step in made.steps] == [
        (Phase.STEADY_STATE, None, (), ("endpoint",), 365),
        (Phase.INJECT, "fault_inject", ("one",), (), 90),
        (Phase.OBSERVE, None, ("one",), (), None),
        (Phase.RECOVER, "recover_host", ("one",), (), 70),
        (Phase.POSTCONDITIONS, None, (), ("endpoint", "whole"), 300),
        (Phase.EVIDENCE, "evidence", ("one",), (), 45),
        (Phase.REVERT, "fault_revert", ("one",), (), 120),
    ]


def test_a_plan_survives_json() -> None:
    made = plan(("one",))
    assert TypeAdapter(Plan).validate_json(TypeAdapter(Plan).dump_json(made), strict=True) == made


def test_a_pattern_that_matches_nothing() -> None:
    assert refusal(()) == "drills/test.yml: faults[0].targets: a matches no host of inventories/lab"


def test_a_target_outside_the_inventory() -> None:
    assert refusal(("localhost",)) == (
        "drills/test.yml: faults[0].targets: localhost is not in inventories/lab; "
        "expected one of one, two, three, lb, prod"
    )


def test_a_target_that_the_fault_cannot_break() -> None:
    assert refusal(("lb",)) == (
        "drills/test.yml: faults[0].targets: lb is not in servers, the group that flip breaks; "
        "expected one, two, three, prod"
    )


def test_a_target_that_allows_no_drill() -> None:
    assert refusal(("prod",)) == ("inventories/lab: drill_allowed of prod: must be true before flip may break it")


def test_too_many_hosts() -> None:
    assert refusal(("one", "two")) == (
        "drills/test.yml: blast_radius.max_hosts: 2 hosts (one, two) would be broken; expected at most 1"
    )
    assert refusal(("one",), ("two",), drill=two_faults()) == (
        "drills/test.yml: blast_radius.max_hosts: 2 hosts (one, two) would be broken; expected at most 1"
    )


def test_too_few_left() -> None:
    drill = replace(DRILL, blast_radius=BlastRadius(max_hosts=4, keep_serving=2))
    assert refusal(SERVERS, drill=drill) == (
        "drills/test.yml: blast_radius.keep_serving: 1 of servers would be left untouched; expected at least 2"
    )
    assert plan(SERVERS[:2], drill=drill).targets == SERVERS[:2]


def test_every_group_that_is_broken_must_keep_serving() -> None:
    assert refusal(("one",), ("lb",), drill=two_faults("cut", max_hosts=2)) == (
        "drills/test.yml: blast_radius.keep_serving: 0 of balancers would be left untouched; expected at least 1"
    )


class TestFaultsPerHost:
    def test_one_unless_the_drill_says_so(self) -> None:
        assert refusal(("one",), ("two", "one"), drill=two_faults(max_hosts=4)) == (
            "drills/test.yml: blast_radius.faults_per_host: faults[0] and faults[1] would meet on one; "
            "expected at most 1 on a host"
        )

    def test_as_many_as_it_says(self) -> None:
        made = plan(("one",), ("two", "one"), drill=two_faults(max_hosts=2, faults_per_host=2))
        assert [lease.targets for lease in made.leases] == [("one",), ("two", "one")]
        assert made.targets == ("one", "two")
        assert "2 on a host, at most 2" in said(made, "blast_radius.faults_per_host")

    def test_a_host_counts_once_in_the_blast_radius(self) -> None:
        assert plan(("one",), ("one",), drill=two_faults(max_hosts=1, faults_per_host=2)).targets == ("one",)

    def test_no_more_than_it_says(self) -> None:
        uses = tuple(FaultUse(fault="flip", targets=name) for name in "abc")
        drill = replace(DRILL, faults=uses, blast_radius=BlastRadius(faults_per_host=2))
        assert refusal(("one",), ("one",), ("one",), drill=drill) == (
            "drills/test.yml: blast_radius.faults_per_host: faults[0] and faults[1] and faults[2] would meet on one; "
            "expected at most 2 on a host"
        )


class TestMaxPercent:
    """`servers` has four hosts."""

    def test_refuses_more(self) -> None:
        assert refusal(SERVERS[:2], drill=replace(DRILL, blast_radius=BlastRadius(max_hosts=4, max_percent=49))) == (
            "drills/test.yml: blast_radius.max_percent: 2 of 4 hosts of servers (50 %) would be broken; "
            "expected at most 49 %"
        )

    def test_allows_as_much(self) -> None:
        made = plan(SERVERS[:2], drill=replace(DRILL, blast_radius=BlastRadius(max_hosts=4, max_percent=50)))
        assert said(made, "blast_radius.max_percent") == "2 of 4 hosts of servers (50 %) would be broken, at most 50 %"

    def test_of_every_group_that_is_broken(self) -> None:
        assert "1 of 1 hosts of balancers (100 %)" in refusal(
            ("one",), ("lb",), drill=two_faults("cut", max_hosts=2, keep_serving=0, max_percent=99)
        )

    def test_not_judged_unless_named(self) -> None:
        assert "blast_radius.max_percent" not in {rail.name for rail in plan(("one",)).guard_rails}


class TestDestructive:
    def test_the_backups_are_checked_though_the_drill_does_not_say_so(self) -> None:
        made = plan(("one",), drill=WIPES)
        assert made.drill.steady_state == ("endpoint", "backup_fresh")
        assert made.steps[0].checks == ("endpoint", "backup_fresh")
        assert said(made, "backup_fresh") == (
            "wipe takes bytes away, so the steady state includes fresh and verified backups; "
            "added, since the drill does not name it"
        )

    def test_no_word_of_adding_what_the_drill_names(self) -> None:
        made = plan(("one",), drill=replace(WIPES, steady_state=("backup_fresh", "endpoint")))
        assert made.steps[0].checks == ("backup_fresh", "endpoint")
        assert "added" not in said(made, "backup_fresh")

    def test_nothing_is_added_for_other_faults(self) -> None:
        assert plan(("one",)).drill == DRILL
        assert "backup_fresh" not in {rail.name for rail in plan(("one",)).guard_rails}


@pytest.mark.parametrize(
    ("drill", "asks"),
    [
        (replace(DRILL, detection=Detection(load_balancer="down", within_s=9)), "detection"),
        (replace(DRILL, objectives=Objectives(replica_rto_s=9)), "objectives.replica_rto_s"),
    ],
)
def test_the_pool_must_be_in_view_when_it_is_judged_by(drill: Drill, asks: str) -> None:
    blind = replace(INVENTORY, endpoint=Endpoint(url="http://127.0.0.1:8000", model="tiny"))
    assert refusal(("one",), drill=drill, inventory=blind) == (
        f"inventories/lab: drill_endpoint.pool_stats_url: missing; {asks} of drills/test.yml is judged by it"
    )
    assert plan(("one",), inventory=blind).targets == ("one",)
    assert plan(("one",), drill=drill).targets == ("one",)


def test_an_alert_needs_an_alertmanager() -> None:
    drill = replace(DRILL, detection=Detection(alert="ModelIntegrity", within_s=9))
    assert refusal(("one",), drill=drill) == (
        "inventories/lab: drill_endpoint.alertmanager_url: missing; detection.alert of drills/test.yml is judged by it"
    )
    endpoint = Endpoint(url="http://127.0.0.1:8000", model="tiny", alertmanager_url="http://127.0.0.1:9093")
    inventory = replace(INVENTORY, endpoint=endpoint)  # which does not know the pool
    assert plan(("one",), drill=drill, inventory=inventory).targets == ("one",)


@pytest.mark.parametrize(
    ("detection", "does"),
    [
        (Detection(alert="Rot", within_s=9), "Wait until alert Rot fires."),
        (
            Detection(load_balancer="down", alert="Rot", within_s=9),
            "Wait until the load balancer has taken every target out of its pool and alert Rot fires.",
        ),
    ],
)
def test_the_plan_says_who_has_to_notice(detection: Detection, does: str) -> None:
    inventory = replace(INVENTORY, endpoint=replace(INVENTORY.endpoint, alertmanager_url="http://127.0.0.1:9093"))
    made = plan(("one",), drill=replace(DRILL, detection=detection), inventory=inventory)
    assert next(step.does for step in made.steps if step.phase is Phase.OBSERVE) == does


@pytest.mark.parametrize("name", ["itl_p99_ms", "goodput_min"])
def test_streams_must_be_sent_when_something_is_judged_by_them(name: str) -> None:
    promised = replace(DRILL, objectives=Objectives(**{name: 1}))
    assert plan(("one",), drill=promised)
    silent = replace(promised, probe=ProbePlan(stream_rate_hz=0))
    assert refusal(("one",), drill=silent) == (
        f"drills/test.yml: probe.stream_rate_hz: 0; objectives.{name} is judged by streams, so expected more than 0"
    )


def test_run_ids_are_in_utc() -> None:
    now = datetime(2026, 11, 24, 23, 30, 1, tzinfo=timezone(timedelta(hours=-2)))
    assert new_run_id("test", now) == "20261125T013001Z-test"
    assert new_run_id("test", now.astimezone(UTC)) == "20261125T013001Z-test"


@example(fault="a" * 64, number=10**6)
@example(fault="a" * 40 + "_" * 24, number=1)
@given(fault=st.from_regex(r"[a-z][a-z0-9_]{0,63}", fullmatch=True), number=st.integers(1, 10**6))
def test_a_lease_of_any_name_fits_a_systemd_unit(fault: str, number: int) -> None:
    made = lease_id(RUN_ID, fault, number)
    lease = replace(plan(("one",)).leases[0], id=made)
    assert len(lease.id) <= 64
    assert made.startswith("20261124t100404z-")
    assert made.endswith(f"-{number}")


def test_as_text() -> None:
    drill = replace(
        DRILL,
        objectives=Objectives(rto_s=2, failed_requests=0),
        detection=Detection(load_balancer="down", within_s=15),
        recovery=Recovery(playbook="recover_host", within_s=60),
    )
    text = plan_text(plan(("one",), drill=drill))
    assert max(map(len, text.splitlines())) <= 80
    assert (
        text
        == """\
test: A test.

Inventory:  inventories/lab
Service:    tiny at http://127.0.0.1:8000
Will break: one
Watched by: 20 requests/s, given up after 5 s each; a stream of 16 tokens every
            2 s, given up after 10 s
Takes:      1120 s at most

 1.  steady state
     Check the steady state, and that clients get good answers for 5 s without a
     break. Otherwise nothing is broken.
     checks: endpoint
     at most: 365 s
 2.  inject
     flip (bytes 7): Flips bits. It must show its effect within 10 s, and is
     undone by itself when its time limit passes.
     hosts: one
     playbook: fault_inject
     at most: 90 s
 3.  observe
     Wait until the load balancer has taken every target out of its pool.
     hosts: one
     at most: 15 s
 4.  recover
     Run the recovery playbook, timed, until it is whole; then watch on for 5 s.
     hosts: one
     playbook: recover_host
     at most: 60 s
 5.  postconditions
     Check that the service is whole.
     checks: endpoint, whole
     at most: 300 s
 6.  evidence
     Ask targets and load balancers what their own records say about when what
     happened. Read-only.
     hosts: one
     playbook: evidence
     at most: 45 s
 7.  revert
     Remove what is left of flip. Happens on every way out, also when the run is
     stopped.
     hosts: one
     playbook: fault_revert
     at most: 120 s

Guard rails:
  drill_allowed: one: the inventory allows it.
  faults[0].time_limit_s: the targets undo flip by themselves after 90 s.
  blast_radius.faults_per_host: 1 on a host, at most 1.
  blast_radius.max_hosts: 1 would be broken, at most 1.
  blast_radius.keep_serving: 3 of servers would be left untouched, at least 1.
  drill_windows: one: at any time.
  drill_approvers: nobody else has to approve it.

Passes if the checks hold and:
  service restored within 2 s
  failed requests at most 0
"""
    )
