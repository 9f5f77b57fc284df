"""`make torture`: many kills, and how late each undo came."""

import argparse
import signal
import sys
import tempfile
from itertools import islice
from pathlib import Path

from rich.console import Console

from tests.integration.conftest import PROJECT
from tests.torture.kill import RENEW_WITHIN_S, Fate, kill_at
from tests.torture.points import points
from tests.torture.residue import look


def main() -> int:
    """Exit code 1 when something was left, or an undo began later than the leases' period and a second.

    Asked to stop (SIGINT, SIGTERM), it finishes the kill that is under way; `--from` goes on from any number later.
    """
    parser = argparse.ArgumentParser(prog="python -m tests.torture", description=__doc__)
    parser.add_argument("--points", type=int, default=200, help="How many kills. [default: %(default)s]")
    parser.add_argument("--from", type=int, default=1, dest="first", help="Number of the first. [default: %(default)s]")
    parser.add_argument("--seed", type=int, default=1, help="Of the instants. [default: %(default)s]")
    parser.add_argument("--drill", action="append", help="Only this drill; may be given several times.")
    given = parser.parse_args()
    drills = given.drill or sorted(path.stem for path in PROJECT.drills.glob("*.yml"))
    console = Console(highlight=False)
    stopped: list[int] = []
    for asked in (signal.SIGINT, signal.SIGTERM):
        signal.signal(asked, lambda number, _: stopped.append(number))
    before = look()
    fates: list[Fate] = []
    numbered = enumerate(points(drills, given.points, given.seed), start=1)
    for number, point in islice(numbered, given.first - 1, None):
        if stopped:
            break
        with tempfile.TemporaryDirectory(prefix="drill_runner-torture-") as folder:
            fate = kill_at(point, before, Path(folder))
        fates.append(fate)
        how = (
            f"had ended before with {fate.code}"
            if fate.code is not None
            else f"undo begun {fate.begun_s:.1f} s later, done {fate.undone_s:.1f} s"
        )
        console.print(f"{number:4}  {point}: line {fate.journal}; {how}; {len(fate.left)} left behind")
        for line in fate.left:
            console.print(f"      {line}")
        if fate.left:
            break  # what follows would only meet this again
    return summed_up(fates, given.points - given.first + 1, console)


def summed_up(fates: list[Fate], wanted: int, console: Console) -> int:
    """Print the promises beside what was seen."""
    killed = [fate for fate in fates if fate.code is None]
    latest = max((fate.begun_s for fate in killed), default=0.0)
    done = max((fate.undone_s for fate in killed), default=0.0)
    dirty = [fate for fate in fates if fate.left]
    console.print(f"kills: {len(killed)} of {wanted}; {len(fates) - len(killed)} runs had ended before their point")
    console.print(f"a fault was armed or held: {sum(fate.undone_s > 0 for fate in killed)}")
    console.print(f"something was left behind: {len(dirty)}; promised: 0")
    console.print(f"latest undo began {latest:.1f} s after the kill; promised: {RENEW_WITHIN_S + 1} s")
    console.print(f"latest undo was done {done:.1f} s after the kill")
    return int(bool(dirty) or latest > RENEW_WITHIN_S + 1 or len(fates) < wanted)


if __name__ == "__main__":
    sys.exit(main())
