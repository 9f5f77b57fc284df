"""A site of its own on a host: weights, settings and a repository that no other test knows of."""

import hashlib
import json
import os
import random
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

PROGRAM = "/usr/local/libexec/model-backup"
CONF = Path("/etc/model-backup")


@dataclass(frozen=True)
class Site:
    folder: Path

    @classmethod
    def make(cls, folder: Path, repository: str, *, fast_tier: bool, chunk_bytes: int) -> "Site":
        shutil.rmtree(folder, ignore_errors=True)
        for name in ("models", "conf", "state"):
            (folder / name).mkdir(parents=True)
        settings = json.loads((CONF / "settings.json").read_text()) | {
            "state_dir": str(folder / "state"),
            "models_dir": str(folder / "models"),
            "manifest": str(folder / "manifest.sha256"),
            "kinds": [{"name": "weights", "rpo_s": 60}],
            "fast_tier": fast_tier,
            "chunk_bytes": chunk_bytes,
            "metrics_dir": "",
        }
        (folder / "conf/settings.json").write_text(json.dumps(settings))
        lines = (CONF / "environment").read_text().splitlines()
        kept = [line for line in lines if not line.startswith("RESTIC_REPOSITORY=")]
        (folder / "conf/environment").write_text("\n".join([*kept, f"RESTIC_REPOSITORY={repository}", ""]))
        return cls(folder)

    @property
    def models(self) -> Path:
        return self.folder / "models"

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, "MODEL_BACKUP_CONF_DIR": str(self.folder / "conf")}

    def weigh(self, dice: random.Random, **sizes: int) -> None:
        """Deploy other weights, and their manifest."""
        lines = []
        for name, size in sizes.items():
            content = dice.randbytes(size)
            (self.models / name).write_bytes(content)
            lines.append(f"{hashlib.sha256(content).hexdigest()}  {name}\n")
        (self.folder / "manifest.sha256").write_text("".join(lines))

    def wrong(self) -> list[str]:
        """Files of weights that are there, and not right."""
        entries = [line.split() for line in (self.folder / "manifest.sha256").read_text().splitlines()]
        there = [(digest, self.models / name) for digest, name in entries if (self.models / name).exists()]
        return [path.name for digest, path in there if hashlib.sha256(path.read_bytes()).hexdigest() != digest]

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([PROGRAM, *arguments], env=self.environment, capture_output=True, text=True, check=False)

    def must(self, *arguments: str) -> dict[str, object]:
        done = self.run(*arguments)
        if done.returncode:
            raise SystemExit(f"model-backup {' '.join(arguments)}: {done.stderr}")
        return dict(json.loads(done.stdout))

    def restic(self, *arguments: str) -> str:
        words = ["sh", "-c", 'set -a; . "$0"; exec restic "$@"', str(self.folder / "conf/environment"), *arguments]
        return subprocess.run(words, capture_output=True, text=True, check=True).stdout
