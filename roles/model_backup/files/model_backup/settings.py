"""What a host protects, and where that goes: read from /etc/model-backup, which the role writes."""

from __future__ import annotations

import json
import os
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from model_backup.errors import BackupError

if TYPE_CHECKING:
    from collections.abc import Mapping

WEIGHTS = "weights"
"""The kind whose paths stand in a manifest."""
COPY = "MODEL_BACKUP_COPY_"
"""Variables with this before their name are of the second repository."""

CHUNK_BYTES = 32 * 1024 * 1024


@dataclass(frozen=True)
class Kind:
    """Data that belongs together, and how much of it may be lost."""

    name: str
    rpo_s: int
    """Seconds after which a backup is no longer fresh."""
    paths: tuple[Path, ...]


@dataclass(frozen=True)
class Repository:
    """Where backups go, in restic's words."""

    variables: Mapping[str, str]
    """Environment of a restic that uses it: passwords are in here, and on no command line."""

    @property
    def location(self) -> str:
        """Restic's URL or path, without a login."""
        return self.variables["RESTIC_REPOSITORY"]

    @property
    def authority(self) -> str | None:
        """File of the certificate authority that its certificate has to come from."""
        return self.variables.get("RESTIC_CACERT")


@dataclass(frozen=True)
class Settings:
    """Everything that the role decided for this host."""

    host: str
    state_dir: Path
    models_dir: Path
    manifest: Path
    kinds: tuple[Kind, ...]
    fast_tier: bool
    """Whether weights are kept a second time, as plain chunks that restore faster."""
    chunk_bytes: int
    """Size of these: large enough that a request costs nothing beside it, small enough that a few fit into memory."""
    verify_parts: int
    """Parts of the repository of which each verification reads one."""
    metrics_dir: Path | None
    """Folder of node exporter's text files."""
    repository: Repository
    second: Repository | None
    """Where every backup is copied to."""

    def kind(self, name: str) -> Kind:
        """Find a kind by its name."""
        for kind in self.kinds:
            if kind.name == name:
                return kind
        raise BackupError(f"{name} is not protected here; model_backup_kinds names: {self.names}")

    @property
    def names(self) -> str:
        """All kinds, for a message."""
        return ", ".join(kind.name for kind in self.kinds)

    @property
    def chunk_list(self) -> Path:
        """File that says of which chunks the weights consist."""
        return self.state_dir / "chunks.json"

    @property
    def blake3_list(self) -> Path:
        """File that says which BLAKE3 this host's weights have, by their SHA-256."""
        return self.state_dir / "blake3.json"


def load(environment: Mapping[str, str] | None = None) -> Settings:
    """Read the settings of this host; variables that are set already win over the file's."""
    given = os.environ if environment is None else environment
    folder = Path(given.get("MODEL_BACKUP_CONF_DIR", "/etc/model-backup"))
    variables = _variables(folder / "environment")
    variables |= {key: value for key, value in given.items() if key.startswith(("RESTIC_", COPY))}
    first = {key: value for key, value in variables.items() if not key.startswith(COPY)}
    second = {key.removeprefix(COPY): value for key, value in variables.items() if key.startswith(COPY)}
    try:
        said = json.loads((folder / "settings.json").read_text())
        kinds = (Kind(item["name"], item["rpo_s"], tuple(map(Path, item.get("paths") or []))) for item in said["kinds"])
        return Settings(
            host=said["host"],
            state_dir=Path(said["state_dir"]),
            models_dir=Path(said["models_dir"]),
            manifest=Path(said["manifest"]),
            kinds=tuple(kinds),
            fast_tier=said["fast_tier"],
            chunk_bytes=said.get("chunk_bytes", CHUNK_BYTES),
            verify_parts=said["verify_parts"],
            metrics_dir=Path(said["metrics_dir"]) if said["metrics_dir"] else None,
            repository=Repository(_complete(first)),
            second=Repository(_complete(first | second)) if second else None,
        )
    except OSError as error:
        raise BackupError(f"no settings: {error}; deploy model_backup, and run this as root") from error
    except KeyError as missing:
        raise BackupError(f"{folder} lacks {missing.args[0]}: deploy model_backup again") from None


def _variables(path: Path) -> dict[str, str]:
    """Read KEY=VALUE lines, quoted as a shell or systemd would read them."""
    try:
        words = [shlex.split(line, comments=line.startswith("#")) for line in path.read_text().splitlines()]
    except OSError as error:
        raise BackupError(f"no settings: {error}; deploy model_backup, and run this as root") from error
    pairs = (word.partition("=") for line in words for word in line)
    return {key: value for key, _, value in pairs}


def _complete(variables: dict[str, str]) -> dict[str, str]:
    variables["RESTIC_REPOSITORY"], variables["RESTIC_PASSWORD"]  # KeyError names what is missing
    return variables
