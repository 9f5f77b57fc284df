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


def plan(*targets: tuple[str, ...], drill: Drill = DRILL, inventory: Inventory = INVENTORY) -> Plan:
    """A plan of `drill` in which the patterns a, b, … name `targets`."""
    return make_plan(drill, FAULTS, inventory, dict(zip("abc", targets, strict=False)), RUN_ID)


def refusal(*targets: tuple[str, ...], drill: Drill = DRILL, inventory: Inventory = INVENTORY) -> str:
    with pytest.raises(UsageError) as raised:
        plan(*targets, drill=drill, inventory=inventory)
    return str(raised.value)


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


def test_steps() -> None:
    made = plan(("one",), drill=replace(DRILL, recovery=Recovery(playbook="recover_host", within_s=70)))
    assert [(step.phase, step.playbook, step.hosts, step.checks, step.at_most_s) for step in made.steps] == [
        (Phase.STEADY_STATE, None, (), ("endpoint",), None),
        (Phase.INJECT, "fault_inject", ("one",), (), 90),
        (Phase.OBSERVE, None, ("one",), (), None),
        (Phase.RECOVER, "recover_host", ("one",), (), 70),
        (Phase.POSTCONDITIONS, None, (), ("endpoint", "whole"), None),
        (Phase.EVIDENCE, "evidence", ("one",), (), None),
        (Phase.REVERT, "fault_revert", ("one",), (), None),
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


def test_a_host_twice() -> None:
    assert refusal(("one",), ("two", "one"), drill=two_faults(max_hosts=4)) == (
        "drills/test.yml: faults[1].targets: one is a target of faults[0] already; expected each host once"
    )


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
Agreed on:  no more than 1 broken, no fewer than 1 left alone
Watched by: 20 requests/s, given up after 5 s each; a stream of 32 tokens every
            2 s, given up after 10 s

 1.  steady state
     Check the steady state, and that clients get good answers for 5 s without a
     break. Otherwise nothing is broken.
     checks: endpoint
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
 6.  evidence
     Ask targets and load balancers what their own records say about when what
     happened. Read-only.
     hosts: one
     playbook: evidence
 7.  revert
     Remove what is left of flip. Happens on every way out, also when the run is
     stopped.
     hosts: one
     playbook: fault_revert

Passes if the checks hold and:
  service restored within 2 s
  failed requests at most 0
"""
    )
