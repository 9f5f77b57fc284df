"""`python -m tests.bench.restore`: how fast weights come back, against the disk and against restic, in one run.

From the store to the first inference host of a lab that is up, over TLS. The three ways take turns, each writes one
file that is not there before, and each begins with nothing left to write. What they read is in the page cache (of the
store, and for dd of the host): it was written just before. dd and the verified restore end when the data is on the
disk; restic does not wait for that. Exit code 1 if a promise is not kept.
"""

import argparse
import json
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

ON_HOST = Path(__file__).parent / "on_host/restore.py"
ROUNDS = 3
OF_DD = 0.6
OF_RESTIC = 1.8
UNCHANGED_S = 3.0


@dataclass(frozen=True)
class Lab:
    """Two of its hosts, as containers."""

    name: str
    host: str = "gpu1"
    store: str = "store1"

    def run(self, host: str, *words: str, given: str | None = None) -> str:
        """Run a command on a host; end with its message if it fails."""
        done = subprocess.run(
            ["podman", "exec", "-i", f"{self.name}-{host}", *words],
            input=given, capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            sys.exit(f"{host}: {' '.join(words)}: {done.stderr[-2000:]}")
        return done.stdout


def measured(lab: Lab, gib: int, rounds: int) -> bool:
    """Measure one size, print it, remove what it made; say whether all promises were kept."""
    read = 'set -a; . /etc/model-backup/environment; printf %s "$RESTIC_REPOSITORY"'
    name = f"bench-restore-{time.time_ns()}"
    repository = lab.run(lab.host, "sh", "-c", read) + f"{name}/"
    try:
        said = json.loads(
            lab.run(lab.host, "python3", "-", str(gib), str(rounds), repository, given=ON_HOST.read_text())
        )
    finally:
        # An append-only repository is removed where it lies.
        lab.run(lab.store, "sh", "-c", f"rm -rf /srv/backup/{lab.host}/{name} /srv/backup/{lab.host}/{name}-chunks")
    took = {way: statistics.median(one[way] for one in said["rounds"]) for way in said["rounds"][0]}
    unchanged = statistics.median(said["unchanged"])
    speed = {way: said["bytes"] / took[way] / 1e6 for way in ("dd", "restic", "verified")}
    # Ways that took turns are compared within a round: what disturbs one disturbs its neighbours.
    of_dd, of_restic = (
        statistics.median(one[way] / one["verified"] for one in said["rounds"]) for way in ("dd", "restic")
    )
    lines = [
        (f"{gib} GiB: dd conv=fsync", f"{speed['dd']:.0f} MB/s", "", True),
        (f"{gib} GiB: restic restore", f"{speed['restic']:.0f} MB/s", "", True),
        (f"{gib} GiB: verified restore", f"{speed['verified']:.0f} MB/s", "", True),
        ("  of dd conv=fsync", f"{of_dd:.2f}", f"at least {OF_DD}", of_dd >= OF_DD),
        ("  of restic restore", f"{of_restic:.2f}", f"at least {OF_RESTIC}", of_restic >= OF_RESTIC),
        (f"{gib} GiB: first backup", f"{said['first']:.1f} s", "", True),
        (
            f"{gib} GiB: unchanged backup",
            f"{unchanged:.2f} s",
            f"at most {UNCHANGED_S:g}",
            unchanged <= UNCHANGED_S,
        ),
    ]
    for what, value, promise, kept in lines:
        verdict = f"promised {promise}  {'ok' if kept else 'MISSED'}" if promise else ""
        sys.stdout.write(f"{what:<32} {value:>10}  {verdict}\n")
    sys.stdout.write(f"  rounds: {json.dumps(said['rounds'])}, unchanged: {said['unchanged']}\n")
    return all(kept for *_, kept in lines)


def main() -> int:
    """Measure each size."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gib", type=int, action="append", help="size of the weights; 2 and 4 by default")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--lab", default="drill-lab", help="its name")
    options = parser.parse_args()
    kept = [measured(Lab(options.lab), gib, options.rounds) for gib in options.gib or [2, 4]]
    return 0 if all(kept) else 1


if __name__ == "__main__":
    sys.exit(main())
