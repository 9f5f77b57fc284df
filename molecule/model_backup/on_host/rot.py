"""Flip single bits of a restic repository; `verify --all` has to find each.

rot.py POINTS SEED
"""

import json
import random
import sys
from pathlib import Path

from site_of_its_own import Site

KINDS = ("data", "index", "snapshots", "keys", "config")


def flip(path: Path, bit: int) -> None:
    content = bytearray(path.read_bytes())
    content[bit // 8] ^= 1 << bit % 8
    path.chmod(0o600)
    path.write_bytes(content)


def main() -> None:
    points, dice = int(sys.argv[1]), random.Random(int(sys.argv[2]))  # noqa: S311 the same bits each time
    folder = Path("/srv/test-backup-rot")
    site = Site.make(folder, str(folder / "repository"), fast_tier=False, chunk_bytes=1_000_000)
    site.weigh(dice, **{"a.gguf": 1_000_000})
    site.must("backup", "weights")
    site.must("verify", "--all")
    found, missed = dict.fromkeys(KINDS, 0), []
    for point in range(points):
        kind = KINDS[point % len(KINDS)]
        files = sorted(path for path in (folder / "repository").rglob("*") if path.is_file())
        path = dice.choice([path for path in files if kind in path.relative_to(folder / "repository").parts])
        bit = dice.randrange(8 * path.stat().st_size)
        flip(path, bit)
        done = site.run("verify", "--all")
        flip(path, bit)
        if done.returncode == 1 and done.stderr.startswith("model-backup: "):
            found[kind] += 1
        else:
            missed.append(f"{kind}/{path.name[:8]} bit {bit}: rc {done.returncode} {done.stderr}")
    site.must("verify", "--all")
    sys.stdout.write(json.dumps({"found": found, "missed": missed}) + "\n")


main()
