"""The calibration's command: exit 0 if the measuring is as good as promised, 1 if not."""

import argparse
import asyncio
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console

from drill_runner.observe.priority import go_first, is_real_time, never_pause
from tests.calibrate.rehearse import rehearse
from tests.calibrate.score import Score, score
from tests.calibrate.script import draw
from tests.calibrate.tables import show_kinds, show_targets

BUSY = """import os, time
os.setpriority(os.PRIO_PROCESS, 0, 0)
end, parent = time.monotonic() + 1800, os.getppid()
while time.monotonic() < end and os.getppid() == parent: pass
"""
LOADS = {"quiet": False, "one core busy": True}


def main() -> int:
    """Draw a script, run it quiet and with a busy core, print how far off the reported times were."""
    parser = argparse.ArgumentParser(prog="python -m tests.calibrate", description=__doc__)
    parser.add_argument("--outages", type=int, default=60, help="how many, each time (default: 60, about 2 minutes)")
    parser.add_argument("--seed", type=int, default=1, help="another seed is another script")
    parser.add_argument("--only", choices=LOADS, help="one of the two, not both")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="leave the samples and the truths in this folder")
    arguments = parser.parse_args()
    console = Console(width=120, highlight=False)
    # The server is to break and to answer when the script says: its own delays are not what is measured.
    go_first()
    never_pause()
    with tempfile.TemporaryDirectory() as made:
        scores: dict[str, Score] = {}
        for load in [arguments.only] if arguments.only else LOADS:
            began = time.monotonic()
            folder = (arguments.keep or Path(made)) / load.replace(" ", "-")
            folder.mkdir(parents=True)
            with _load(busy=LOADS[load]):
                rehearsal = asyncio.run(rehearse(list(draw(arguments.outages, arguments.seed)), folder))
            scores[load] = score(rehearsal)
            console.print(f"{load}: {arguments.outages} outages in {time.monotonic() - began:.0f} s")
            show_kinds(scores[load], console)
    console.print(f"seed {arguments.seed}, {'with' if is_real_time() else 'without'} real-time priority")
    show_targets(scores, console)
    return 1 if any(one.missed for one in scores.values()) else 0


@contextmanager
def _load(*, busy: bool) -> Iterator[None]:
    if not busy:
        yield
        return
    with subprocess.Popen([sys.executable, "-c", BUSY]) as burner:
        try:
            yield
        finally:
            burner.kill()


if __name__ == "__main__":
    sys.exit(main())
