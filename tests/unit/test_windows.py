"""When drills are allowed: what an inventory may say, and what follows from it at an instant."""

import re
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from drill_runner.drill import phases
from drill_runner.model.inventory import Host
from drill_runner.model.plan import Plan
from drill_runner.model.window import parse_window
from drill_runner.plan import longest_s, make_plan, steps, why_closed
from drill_runner.plan.windows import openings
from drill_runner.postconditions import TIMEOUT_S
from tests.unit.test_plan import DRILL, FAULTS, INVENTORY, RUN_ID

OFFICE = "Mon-Fri 09:00-16:30 Europe/Berlin"
TUESDAY = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)


def plan(*windows: str, **others: str) -> Plan:
    """A drill that breaks `one`, which has `windows`."""
    told = {"one": windows, **{name: (text,) for name, text in others.items()}}
    hosts = tuple(
        Host(name=host.name, groups=host.groups, drill_allowed=True, drill_windows=told.get(host.name, ()))
        for host in INVENTORY.hosts
    )
    return make_plan(DRILL, FAULTS, replace(INVENTORY, hosts=hosts), {"a": ("one",)}, RUN_ID)


def spans(text: str, now: datetime) -> list[str]:
    return [f"{start:%a %H:%M}-{end:%a %H:%M}" for start, end in openings([parse_window(text)], now)]


class TestText:
    @pytest.mark.parametrize(
        ("text", "days"),
        [
            ("Mon-Fri", {0, 1, 2, 3, 4}),
            ("Mon,Wed,Fri", {0, 2, 4}),
            ("Sat-Mon", {5, 6, 0}),
            ("Sun", {6}),
            ("Mon-Sun", set(range(7))),
            ("Mon,Thu-Fri", {0, 3, 4}),
        ],
    )
    def test_days(self, text: str, days: set[int]) -> None:
        assert parse_window(f"{text} 09:00-10:00 UTC").days == days

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("weekdays", 'must be days, hours and a time zone, as in "Mon-Fri 09:00-16:30 Europe/Berlin"'),
            ("Mon 9:00-10:00 UTC", "must be days, hours and a time zone"),
            ("Mon 09:00-10:00", "must be days, hours and a time zone"),
            ("", "must be days, hours and a time zone"),
            ("{{ windows }}", "must be days, hours and a time zone"),
            ("Mo-Fr 09:00-10:00 UTC", "Mo-Fr: must be days of Mon, Tue, Wed, Thu, Fri, Sat, Sun"),
            ("Mon- 09:00-10:00 UTC", "Mon-: must be days of"),
            ("Mon, 09:00-10:00 UTC", ": must be days of"),
            ("Mon 09:60-10:00 UTC", "09:60: must be a time from 00:00 to 23:59"),
            ("Mon 24:00-10:00 UTC", "24:00: must be a time from 00:00 to 23:59"),
            ("Mon 09:00-25:00 UTC", "25:00: must be a time from 00:00 to 24:00"),
            ("Mon 09:00-09:00 UTC", "09:00-09:00 is no time at all; a whole day is 00:00-24:00"),
            ("Mon 09:00-10:00 Europe/Berln", "Europe/Berln: unknown time zone"),
            ("Mon 09:00-10:00 ../../etc/passwd", "../../etc/passwd: unknown time zone"),
            ("Mon 09:00-10:00 Europe", "Europe: unknown time zone"),
        ],
    )
    def test_what_is_wrong_is_named(self, text: str, message: str) -> None:
        with pytest.raises(ValueError, match=f"^{re.escape(message)}"):
            parse_window(text)


class TestOpenings:
    def test_on_the_wall_clock_of_the_place(self) -> None:
        assert spans("Mon 09:00-17:00 Europe/Berlin", TUESDAY)[0] == "Mon 08:00-Mon 16:00"
        assert spans("Mon 09:00-17:00 Europe/Berlin", datetime(2026, 7, 7, tzinfo=UTC))[0] == "Mon 07:00-Mon 15:00"

    def test_over_midnight(self) -> None:
        assert spans("Sat 22:00-02:00 UTC", TUESDAY)[0] == "Sat 22:00-Sun 02:00"

    def test_to_the_end_of_the_day(self) -> None:
        assert spans("Sat 22:00-24:00 UTC", TUESDAY)[0] == "Sat 22:00-Sun 00:00"

    def test_those_that_meet_are_one(self) -> None:
        assert len(openings([parse_window("Mon-Sun 00:00-24:00 UTC")], TUESDAY)) == 1

    def test_an_hour_that_the_clock_skips_or_repeats(self) -> None:
        spring, autumn = (
            next(
                iter(openings([parse_window("Sun 01:00-04:00 Europe/Berlin")], datetime(2026, month, day, tzinfo=UTC)))
            )
            for month, day in ((3, 30), (10, 26))
        )
        assert (spring[1] - spring[0]).total_seconds() == 2 * 3600
        assert (autumn[1] - autumn[0]).total_seconds() == 4 * 3600


class TestWhyClosed:
    def test_without_windows_never(self) -> None:
        assert why_closed(plan(), TUESDAY) is None

    def test_open(self) -> None:
        assert why_closed(plan(OFFICE), TUESDAY) is None

    def test_closed(self) -> None:
        assert why_closed(plan(OFFICE), datetime(2026, 11, 27, 20, 0, tzinfo=UTC)) == (
            "inventories/lab: drill_windows of one: closed now, and test may take 1085 s; "
            "the next opening is Mon 2026-11-30 09:00 CET"
        )

    def test_open_but_not_for_long_enough(self) -> None:
        left = datetime(2026, 11, 24, 15, 11, 55, tzinfo=UTC)
        assert longest_s(plan(OFFICE)) == 1085
        assert why_closed(plan(OFFICE), left) is None
        assert why_closed(plan(OFFICE), left, waiting_s=1) == (
            "inventories/lab: drill_windows of one: open only until 16:30 CET, and test may take 1086 s; "
            "the next opening is Wed 2026-11-25 09:00 CET"
        )

    def test_an_opening_that_is_too_short_is_no_opening(self) -> None:
        short = "Tue 10:00-10:05 UTC"
        assert str(why_closed(plan(short), TUESDAY)).endswith("no opening of the next 15 days is long enough")
        late = plan(short, "Thu 09:00-12:00 UTC")
        assert str(why_closed(late, TUESDAY)).endswith("the next opening is Thu 2026-11-26 09:00 UTC")

    def test_one_of_several_is_enough(self) -> None:
        assert why_closed(plan("Sat 09:00-16:00 UTC", OFFICE), TUESDAY) is None

    def test_only_the_hosts_that_are_broken_matter(self) -> None:
        assert why_closed(plan(two="Sat 09:00-16:00 UTC"), TUESDAY) is None

    def test_every_host_that_is_broken_must_be_open(self) -> None:
        drill = replace(DRILL, blast_radius=replace(DRILL.blast_radius, max_hosts=2))
        both = plan("Mon-Fri 09:00-12:00 UTC", two="Wed 11:00-16:00 UTC")
        both = make_plan(drill, FAULTS, both.inventory, {"a": ("one", "two")}, RUN_ID)
        assert str(why_closed(both, TUESDAY)).endswith("the next opening is Wed 2026-11-25 11:00 UTC")
        assert why_closed(both, datetime(2026, 11, 25, 11, 0, tzinfo=UTC)) is None
        assert "closed now" in str(why_closed(both, datetime(2026, 11, 25, 12, 30, tzinfo=UTC)))


def test_the_plan_says_when_its_hosts_may_be_broken() -> None:
    assert [rail.says for rail in plan(OFFICE).guard_rails if rail.name == "drill_windows"] == [f"one: {OFFICE}"]
    assert [rail.says for rail in plan().guard_rails if rail.name == "drill_windows"] == ["one: at any time"]


def test_the_stages_take_no_longer_than_the_plan_says() -> None:
    assert (phases.STEADY_WITHIN_S, phases.EVIDENCE_WITHIN_S, phases.PLAYBOOK_SPARE_S, TIMEOUT_S) == (
        steps.STEADY_WITHIN_S,
        steps.EVIDENCE_WITHIN_S,
        steps.PLAYBOOK_SPARE_S,
        steps.CHECKS_WITHIN_S,
    )
