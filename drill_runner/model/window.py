"""A time of the week in which drills are allowed, as the inventory's `drill_windows` says it."""

import re
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
EXAMPLE = "Mon-Fri 09:00-16:30 Europe/Berlin"
_SHAPE = re.compile(r"(?P<days>\S+) +(?P<opens>\d\d:\d\d)-(?P<closes>\d\d:\d\d) +(?P<zone>\S+)")


@dataclass(frozen=True)
class Window:
    """Opens on certain days of the week, on the wall clock of a place; closes the same day or the next."""

    days: frozenset[int]
    """On which it opens; Monday is 0."""
    opens: time
    closes: time
    """Not later than `opens`: on the next day."""
    zone: ZoneInfo

    def on(self, day: date) -> tuple[datetime, datetime] | None:
        """When it opens and closes, if it opens on `day`."""
        if day.weekday() not in self.days:
            return None
        end = day if self.closes > self.opens else day + timedelta(days=1)
        return datetime.combine(day, self.opens, self.zone), datetime.combine(end, self.closes, self.zone)


def parse_window(text: str) -> Window:
    """Read `Mon-Fri 09:00-16:30 Europe/Berlin`; days may be listed (`Mon,Thu-Sat`), and 24:00 ends a day.

    Raises:
        ValueError: It is not written so; the message says what is wrong.
    """
    parts = _SHAPE.fullmatch(text.strip())
    if parts is None:
        raise ValueError(f'must be days, hours and a time zone, as in "{EXAMPLE}"')
    opens, closes = _time(parts["opens"]), _time(parts["closes"], last=True)
    if opens == closes and parts["closes"] != "24:00":
        raise ValueError(f"{parts['opens']}-{parts['closes']} is no time at all; a whole day is 00:00-24:00")
    return Window(days=frozenset(_days(parts["days"])), opens=opens, closes=closes, zone=_zone(parts["zone"]))


def _days(text: str) -> set[int]:
    days: set[int] = set()
    for part in text.split(","):
        first, dash, last = part.partition("-")
        if first not in DAYS or (dash and last not in DAYS):
            raise ValueError(f'{part}: must be days of {", ".join(DAYS)}, as in "{EXAMPLE}"')
        start, end = DAYS.index(first), DAYS.index(last or first)
        # Sat-Mon goes over the end of the week.
        days |= {(start + step) % 7 for step in range((end - start) % 7 + 1)}
    return days


def _time(text: str, *, last: bool = False) -> time:
    if last and text == "24:00":
        return time(0)
    try:
        return time.fromisoformat(text)
    except ValueError as error:
        raise ValueError(f"{text}: must be a time from 00:00 to {'24:00' if last else '23:59'}") from error


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (OSError, ValueError, KeyError) as error:  # not there, a folder of zones, or outside of their folder
        raise ValueError(
            f"{name}: unknown time zone; must be one of the system's (tzdata), as Europe/Berlin"
        ) from error
