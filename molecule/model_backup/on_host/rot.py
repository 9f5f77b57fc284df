"""Flip single bits of weights, manifest and restic repository; `verify --all` has to find each.

rot.py POINTS SEED
"""

import json
import random
import sys
from pathlib import Path

from site_of_its_own import Site

KINDS = ("weights", "manifest", "data", "index", "snapshots", "keys", "config")
"""All but the first two are restic's."""


def flip(path: Path, bit: int) -> None:
    content = bytearray(path.read_bytes())
    content[bit // 8] ^= 1 << bit % 8
    path.chmod(0o600)
    path.write_bytes(content)


def files(site: Site, kind: str) -> list[Path]:
    repository = site.folder / "repository"
    there = {"weights": site.models.iterdir(), "manifest": [site.folder / "manifest.sha256"]}
    restics = (path for path in repository.rglob("*") if kind in path.relative_to(repository).parts)
    return sorted(path for path in there.get(kind, restics) if path.is_file())


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
        path = dice.choice(files(site, kind))
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
