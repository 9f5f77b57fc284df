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

from drill_runner.observe.priority import go_first, never_pause
from tests.calibrate.rehearse import rehearse
from tests.calibrate.score import score, show
from tests.calibrate.script import draw

BUSY = """import os, time
end, parent = time.monotonic() + 900, os.getppid()
while time.monotonic() < end and os.getppid() == parent: pass
"""


def main() -> int:
    """Draw a script, run it, print how far off the reported times were."""
    parser = argparse.ArgumentParser(prog="python -m tests.calibrate", description=__doc__)
    parser.add_argument("--outages", type=int, default=100, help="how many (default: 100, about 4 minutes)")
    parser.add_argument("--seed", type=int, default=1, help="another seed is another script")
    parser.add_argument("--busy", action="store_true", help="keep one core busy all the while")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="leave the samples and the truths in this folder")
    arguments = parser.parse_args()
    console = Console(width=120)
    with tempfile.TemporaryDirectory() as made, _load(busy=arguments.busy):
        folder = arguments.keep or Path(made)
        folder.mkdir(parents=True, exist_ok=True)
        # The server is to break and to answer when the script says: its own delays are not what is measured.
        go_first()
        never_pause()
        began = time.monotonic()
        rehearsal = asyncio.run(rehearse(list(draw(arguments.outages, arguments.seed)), folder))
    console.print(f"{arguments.outages} outages in {time.monotonic() - began:.0f} s, seed {arguments.seed}")
    total = score(rehearsal)
    show(total, console)
    return 1 if total.missed else 0


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
