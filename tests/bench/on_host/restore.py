"""On a host of the lab: make weights, back them up, and time ways to get them onto the disk, in turn. Prints JSON.

restore.py GIB ROUNDS REPOSITORY
"""

import hashlib
import json
import os
import random
import shutil
import struct
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

FOLDER = Path("/srv/bench-restore")
CONF = Path("/etc/model-backup")
PROGRAM = "/usr/local/libexec/model-backup"
WEIGHTS = FOLDER / "models/weights.gguf"
COPY = FOLDER / "copy"
PIECE = 64 * 1024 * 1024


def make_weights(size: int) -> str:
    """Write what compresses like BF16 weights, noise with exponents of a normal distribution; return its SHA-256."""
    dice, digest = random.Random(1), hashlib.sha256()  # noqa: S311 not for secrets
    exponents = bytes(struct.pack(">f", dice.gauss(0, 0.02))[0] for _ in range(256))
    with WEIGHTS.open("wb") as file:
        for _ in range(size // PIECE):
            piece = bytearray(os.urandom(PIECE))
            piece[1::2] = piece[1::2].translate(exponents)
            file.write(piece)
            digest.update(piece)
        os.fsync(file.fileno())
    return digest.hexdigest()


def make_site(size: int, repository: str) -> None:
    """Weights, their manifest, and a program's settings that know of nothing else."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    for folder in ("models", "conf", "state"):
        (FOLDER / folder).mkdir(parents=True)
    (FOLDER / "manifest.sha256").write_text(f"{make_weights(size)}  {WEIGHTS.name}\n")
    settings = json.loads((CONF / "settings.json").read_text()) | {
        "state_dir": str(FOLDER / "state"),
        "models_dir": str(FOLDER / "models"),
        "manifest": str(FOLDER / "manifest.sha256"),
        "kinds": [{"name": "weights", "rpo_s": 3600}],
        "fast_tier": True,
        "metrics_dir": "",
    }
    (FOLDER / "conf/settings.json").write_text(json.dumps(settings))
    # Without the second copy: it is made after the backup, and is not what is measured.
    others = ("RESTIC_REPOSITORY=", "MODEL_BACKUP_COPY_")
    lines = [line for line in (CONF / "environment").read_text().splitlines() if not line.startswith(others)]
    (FOLDER / "conf/environment").write_text("\n".join([*lines, f"RESTIC_REPOSITORY={repository}", ""]))


def run(*words: str) -> str:
    """Run a command with the site's settings and passwords; end with its message if it fails."""
    shell = 'set -a; . "$0"; exec "$@"'
    environment = {**os.environ, "MODEL_BACKUP_CONF_DIR": str(FOLDER / "conf")}
    done = subprocess.run(
        ["sh", "-c", shell, str(FOLDER / "conf/environment"), *words],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        sys.exit(f"{' '.join(words)}: {done.stderr}")
    return done.stdout


def timed(work: Callable[[], object]) -> float:
    """Seconds that `work` takes, with nothing left to write from before it."""
    os.sync()
    start = time.monotonic()
    work()
    return round(time.monotonic() - start, 3)


def restored() -> None:
    """Bring the weights back to where they serve; they must come from the fast tier."""
    report = json.loads(run(PROGRAM, "restore", "weights"))
    if report["fast"] != [WEIGHTS.name]:
        sys.exit(f"not from the fast tier: {report}")


def one_round() -> dict[str, float]:
    """Each way once, each to a place that is empty before."""
    took = {"dd": timed(lambda: run("dd", f"if={WEIGHTS}", f"of={COPY}", "bs=4M", "conv=fsync"))}
    COPY.unlink()
    took["restic"] = timed(lambda: run("restic", "restore", f"latest:{WEIGHTS.parent}", "--target", str(COPY)))
    shutil.rmtree(COPY)
    WEIGHTS.unlink()
    took["verified"] = timed(restored)
    return took


def main() -> None:
    """Measure; what was made is removed."""
    size, rounds, repository = int(sys.argv[1]) << 30, int(sys.argv[2]), sys.argv[3]
    try:
        make_site(size, repository)
        first = timed(lambda: run(PROGRAM, "backup", "weights"))
        run(PROGRAM, "backup", "weights")  # by now the weights are old enough to be known again
        unchanged = [timed(lambda: run(PROGRAM, "backup", "weights")) for _ in range(rounds)]
        found = [one_round() for _ in range(rounds)]
        sys.stdout.write(
            json.dumps({"bytes": WEIGHTS.stat().st_size, "first": first, "unchanged": unchanged, "rounds": found})
            + "\n"
        )
    finally:
        shutil.rmtree(FOLDER, ignore_errors=True)


main()
