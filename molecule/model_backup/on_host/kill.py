"""SIGKILL a backup, or a restore, with all of its processes at random moments: the next run completes, nothing is lost.

kill.py backup|restore|resume POINTS SEED

A moment is drawn within what the last run took. One that comes after the end of a run is drawn again.
"""

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

from site_of_its_own import PROGRAM, Site

TRIES = 4
"""For each kill, at most."""
SIZES = {"a.gguf": 6_000_000, "b.gguf": 3_000_000}


def killed(site: Site, after_s: float, *arguments: str) -> bool:
    """Run the program and kill its process group; False if it had ended before."""
    with subprocess.Popen(
        [PROGRAM, *arguments],
        env=site.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    ) as process:  # fmt: skip
        try:
            process.wait(after_s)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            return True
    return False


def timed(site: Site, *arguments: str) -> float:
    start = time.monotonic()
    site.must(*arguments)
    return time.monotonic() - start


def snapshots(site: Site) -> set[str]:
    return {item["id"] for item in json.loads(site.restic("snapshots", "--json", "--no-lock"))}


def backups(site: Site, dice: random.Random, points: int) -> int:
    hit, took_s = 0, 1.0
    for _ in range(TRIES * points):
        before = snapshots(site)
        site.weigh(dice, **SIZES)
        hit += killed(site, dice.uniform(0, took_s), "backup", "weights")
        took_s = timed(site, "backup", "weights")
        last = site.must("status")["weights"]["snapshot"]  # type: ignore[index]
        if not before | {last} <= snapshots(site):
            raise SystemExit("a snapshot was lost")
        if hit == points:
            break
    site.restic("unlock")
    site.restic("check", "--read-data")
    return hit


def restores(site: Site, dice: random.Random, points: int) -> int:
    hit, took_s = 0, {True: 1.0, False: 1.0}
    for number in range(TRIES * points):
        fast = number % 2 == 1
        for path in site.models.glob("*.gguf"):
            path.unlink()
        # In turn from the fast tier, and from restic's archive alone.
        origin = () if fast else ("--snapshot", str(site.must("status")["weights"]["snapshot"]))  # type: ignore[index]
        hit += killed(site, dice.uniform(0, took_s[fast]), "restore", "weights", *origin)
        if wrong := site.wrong():
            raise SystemExit(f"half of {wrong} is where it serves")
        took_s[fast] = timed(site, "restore", "weights", *origin)
        found = sorted(path.name for path in site.models.iterdir())
        if site.wrong() or found != sorted(SIZES):
            raise SystemExit(f"not restored: {site.wrong()}; there: {found}")
        if hit == points:
            break
    return hit


def resumes(site: Site, _: random.Random, points: int) -> int:
    """Cut a restore off in the middle of the first file, and see that the next one takes only the rest."""
    for point in range(points):
        whole = (site.models / "a.gguf").read_bytes()
        digest = hashlib.sha256((site.folder / "manifest.sha256").read_bytes()).hexdigest()
        draft = site.models / ".model-restore" / digest[:16]
        draft.mkdir(parents=True)
        (draft / "a.gguf").write_bytes(whole[: len(whole) // 2 + point])
        (site.models / "a.gguf").unlink()
        report = site.must("restore", "weights")
        if report["resumed_bytes"] != len(whole) // 2 or site.wrong():
            raise SystemExit(f"not resumed: {report}")
    return points


def main() -> None:
    what, points, dice = sys.argv[1], int(sys.argv[2]), random.Random(int(sys.argv[3]))  # noqa: S311 the same points each time
    base = next(
        line for line in Path("/etc/model-backup/environment").read_text().splitlines() if "REPOSITORY=" in line
    )
    repository = base.partition("=")[2] + f"kill-{what}-{time.time_ns()}/"
    site = Site.make(Path("/srv/test-backup-kill"), repository, fast_tier=True, chunk_bytes=1_000_000)
    site.weigh(dice, **SIZES)
    site.must("backup", "weights")
    hit = {"backup": backups, "restore": restores, "resume": resumes}[what](site, dice, points)
    sys.stdout.write(json.dumps({"killed": hit}) + "\n")


main()
