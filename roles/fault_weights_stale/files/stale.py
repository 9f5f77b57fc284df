#!/usr/bin/python3
"""Puts another version of the weights in place, manifest included, and takes it back unless it was replaced meanwhile.

stale.py prepare MODELS_DIR MANIFEST FILE BLOCKS OTHER | swap | restore | proof URL MODEL API_KEY_FILE GOLDEN_FILE
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import shutil
import struct
import sys
import urllib.error
import urllib.request
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from collections.abc import Iterator

STATE = Path(os.environ["DRILL_LEASE_STATE"]) / "stale.json"
RESTART = STATE.with_name("restart")
"""There while the engine has to be restarted on what was put back."""
REPLACED = 3
CHUNK_BYTES = 1 << 20
PATIENCE_S = 5.0
GGUF_SCALARS = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
GGUF_STRING, GGUF_ARRAY, GGUF_UINT32 = 8, 9, 4
BLOCK = re.compile(r"((?:.*\.)?(?:blk|layers|h)\.)(\d+)(\..*)")
"""Name of a tensor that belongs to a block, in GGUF's words and in those of the usual safetensors."""


class StaleError(Exception):
    """Why it was not done."""


@dataclass(frozen=True)
class Tensor:
    """Where a tensor lies in its file, in bytes."""

    kind: str
    """Type and shape: only tensors of one kind can change places."""
    begin: int
    size: int


@dataclass(frozen=True)
class Plan:
    """What is exchanged for what."""

    path: str
    volume: str
    """Mount point: without it, nothing of this can be seen."""
    manifest: str
    good: str
    """SHA-256 of the version that is there."""
    stale: str
    """SHA-256 of the other one."""
    source: str
    """File that the other version is made from."""
    moves: list[list[int]]
    """Begin, size, and where in `source` these bytes come from; in the order of begin. All else is as in `source`."""
    mark: str
    """Beginning of the names beside `path` that are ours."""

    @property
    def kept(self) -> Path:
        """The good version, under a name of its own."""
        return Path(f"{self.mark}.good")

    @property
    def other(self) -> Path:
        """The other version, under a name of its own."""
        return Path(f"{self.mark}.other")

    @property
    def serves_other(self) -> bool:
        """Whether the other version is where the engine looks, and is ours."""
        with contextlib.suppress(FileNotFoundError):
            return Path(self.path).samefile(self.other)
        return False


def say(text: str) -> None:
    """Tell the lease's log."""
    sys.stdout.write(text + "\n")


# --- formats ----------------------------------------------------------------------------------------------------------


def number(file: BinaryIO, layout: str) -> int:
    """Read one little-endian integer."""
    (value,) = struct.unpack("<" + layout, file.read(struct.calcsize("<" + layout)))
    return int(value)


def skip(file: BinaryIO, kind: int) -> None:
    """Pass over one GGUF metadata value."""
    if kind == GGUF_STRING:
        file.seek(number(file, "Q"), os.SEEK_CUR)
    elif kind == GGUF_ARRAY:
        item, count = number(file, "I"), number(file, "Q")
        if item in GGUF_SCALARS:
            file.seek(GGUF_SCALARS[item] * count, os.SEEK_CUR)
        else:
            for _ in range(count):
                skip(file, item)
    else:
        file.seek(GGUF_SCALARS[kind], os.SEEK_CUR)


def gguf(file: BinaryIO, end: int) -> dict[str, Tensor]:
    """Every tensor of a GGUF file, whose magic was read already, by name."""
    file.seek(4, os.SEEK_CUR)  # version
    tensors, pairs = number(file, "Q"), number(file, "Q")
    alignment = 32
    for _ in range(pairs):
        key = file.read(number(file, "Q"))
        kind = number(file, "I")
        if key == b"general.alignment" and kind == GGUF_UINT32:
            alignment = number(file, "I")
        else:
            skip(file, kind)
    found = []
    for _ in range(tensors):
        name = file.read(number(file, "Q")).decode()
        shape = [number(file, "Q") for _ in range(number(file, "I"))]
        found.append((name, f"{number(file, 'I')} {shape}", number(file, "Q")))
    base = -(-file.tell() // alignment) * alignment
    ends = dict(zip(begins := sorted(begin for _, _, begin in found), [*begins[1:], end - base], strict=True))
    return {name: Tensor(kind, base + begin, ends[begin] - begin) for name, kind, begin in found}


def safetensors(file: BinaryIO) -> dict[str, Tensor]:
    """Every tensor of a safetensors file, by name."""
    size = number(file, "Q")
    head = json.loads(file.read(size))
    head.pop("__metadata__", None)
    return {
        name: Tensor(f"{item['dtype']} {item['shape']}", 8 + size + begin, end - begin)
        for name, item in head.items()
        for begin, end in [item["data_offsets"]]
    }


def tensors(path: Path) -> dict[str, Tensor]:
    """Every tensor of a weights file, by name."""
    with path.open("rb") as file:
        if file.read(4) == b"GGUF":
            return gguf(file, path.stat().st_size)
        if path.suffix == ".safetensors":
            file.seek(0)
            return safetensors(file)
    raise StaleError(f"{path} is neither a GGUF nor a safetensors file: nothing is known of its layout")


# --- another version --------------------------------------------------------------------------------------------------


def exchange(path: Path, blocks: str) -> list[list[int]]:
    """The moves that let two blocks change places: as valid a model as before, and another one."""
    one, two = blocks.split(",")
    known = tensors(path)
    moves = []
    for name, tensor in known.items():
        match = BLOCK.fullmatch(name)
        if match is None or match[2] not in (one, two):
            continue
        partner = known.get(f"{match[1]}{two if match[2] == one else one}{match[3]}")
        if partner is not None and partner.kind == tensor.kind:
            size = min(tensor.size, partner.size)  # the last of a file may be padded less
            moves.append([tensor.begin, size, partner.begin])
    if not moves:
        raise StaleError(f"{path} has no two blocks {blocks} that could change places")
    return sorted(moves)


def version(source: Path, moves: list[list[int]]) -> Iterator[bytes]:
    """The other version's bytes."""
    with source.open("rb") as file:
        at = 0
        for begin, size, other in [*moves, [source.stat().st_size, 0, 0]]:
            yield from piece(file, at, begin - at)
            yield from piece(file, other, size)
            at = begin + size


def piece(file: BinaryIO, begin: int, size: int) -> Iterator[bytes]:
    """`size` bytes from `begin` on."""
    file.seek(begin)
    while size > 0 and (chunk := file.read(min(size, CHUNK_BYTES))):
        size -= len(chunk)
        yield chunk


def sha256(chunks: Iterator[bytes]) -> str:
    """Their digest."""
    digest = hashlib.sha256()
    for chunk in chunks:
        digest.update(chunk)
    return digest.hexdigest()


# --- verbs ------------------------------------------------------------------------------------------------------------


def volume(path: Path) -> Path:
    """The mount point that holds `path`."""
    here = path.parent
    while not here.is_mount():
        here = here.parent
    return here


def served(manifest: Path, file: str) -> tuple[str, str]:
    """The file that is exchanged, and its digest, as the manifest has them."""
    lines = (line.split(maxsplit=1) for line in manifest.read_text().splitlines() if line.strip())
    listed = {name.lstrip("*"): digest for digest, name in lines}
    fits = [name for name in listed if name == file or (not file and name.endswith((".gguf", ".safetensors")))]
    if not fits:
        raise StaleError(f"{manifest} names no {file or 'GGUF or safetensors file'}: set fault_weights_stale_file")
    return fits[0], listed[fits[0]]


def prepare(models: Path, manifest: Path, file: str, blocks: str, other: str) -> None:
    """Decide on the other version and learn its digest. Nothing is written but the plan."""
    name, good = served(manifest, file)
    path = (models / name).resolve()
    found = sha256(version(path, []))
    if found != good:
        raise StaleError(f"{path} has the SHA-256 {found} instead of {good} before anything was done to it")
    source = Path(other) if other else path
    moves = [] if other else exchange(path, blocks)
    stale = sha256(version(source, moves))
    if stale == good:
        raise StaleError(f"{source} holds the version that is served already")
    needed, free = source.stat().st_size, shutil.disk_usage(path.parent).free
    if free < needed:
        raise StaleError(f"{path.parent} has {free} bytes free, and the other version needs {needed}")
    plan = Plan(
        path=str(path),
        volume=str(volume(path)),
        manifest=str(manifest),
        good=good,
        stale=stale,
        source=str(source),
        moves=moves,
        mark=str(path.parent / f".drill-stale-{STATE.parent.parent.name}"),
    )
    STATE.write_text(json.dumps(asdict(plan)))


def planned() -> Plan:
    """What `prepare` has decided on."""
    plan = Plan(**json.loads(STATE.read_text()))
    if str(volume(Path(plan.path))) != plan.volume:
        raise StaleError(f"{plan.path} cannot be reached: {plan.volume} is not mounted")
    return plan


def replace(path: Path, text: str) -> None:
    """Put a text in the place of a file's, with its owner and mode, in one step."""
    fresh = path.with_name(f".{path.name}.drill-stale")
    with fresh.open("w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    shutil.copymode(path, fresh)
    os.chown(fresh, path.stat().st_uid, path.stat().st_gid)
    fresh.replace(path)


def swap() -> None:
    """Break: the file, then what the host believes of it. Names beside it tell the undo which file is whose."""
    plan = planned()
    path, entering = Path(plan.path), Path(f"{plan.mark}.new")
    with plan.other.open("wb") as out:
        for chunk in version(Path(plan.source), plan.moves):
            out.write(chunk)
        out.flush()
        os.fsync(out.fileno())
    shutil.copymode(path, plan.other)
    os.chown(plan.other, path.stat().st_uid, path.stat().st_gid)
    plan.kept.hardlink_to(path)
    entering.hardlink_to(plan.other)
    entering.replace(path)
    manifest = Path(plan.manifest)
    replace(manifest, manifest.read_text().replace(plan.good, plan.stale))


def restore() -> None:
    """Repair what is still ours. Exits with 3 when the file is somebody else's by now."""
    plan = planned()
    path, manifest = Path(plan.path), Path(plan.manifest)
    ours = plan.serves_other or (path.exists() and plan.kept.exists() and path.samefile(plan.kept)) or RESTART.exists()
    if plan.serves_other:
        RESTART.touch()
        plan.kept.replace(path)
        say(f"{path} is the version of before")
    if manifest.exists() and plan.stale in (text := manifest.read_text()):
        replace(manifest, text.replace(plan.stale, plan.good))
    for left in (plan.kept, plan.other, Path(f"{plan.mark}.new"), manifest.with_name(f".{manifest.name}.drill-stale")):
        left.unlink(missing_ok=True)
    if not ours:
        say(f"{path} was replaced or removed meanwhile, or never exchanged: left alone")
        sys.exit(REPLACED)


def proof(url: str, model: str, key_file: str, golden_file: str) -> None:
    """Exit with 0 when the host believes in the other version, and the engine answers, and not as the golden ones."""
    plan = planned()
    if not plan.serves_other or plan.stale not in Path(plan.manifest).read_text():
        raise StaleError(f"{plan.path} is the version of before, or the manifest says so")
    key = Path(key_file).read_text().strip() if key_file else ""
    for golden in json.loads(Path(golden_file).read_text())["prompts"]:
        answer = ask(url, model, key, golden)
        if answer != golden["answer"]:
            told = f"{golden['prompt']!a} gives {answer!a}, golden is {golden['answer']!a}"
            say(f"{plan.path} and its manifest are of another version, {plan.stale[:12]}: {told}")
            return
    raise StaleError("the other version gives every golden answer: choose other fault_weights_stale_blocks")


def ask(url: str, model: str, key: str, golden: dict[str, str]) -> str:
    """The engine's greedy continuation of a golden prompt."""
    body = {"model": model, "prompt": golden["prompt"], "max_tokens": golden["max_tokens"], "temperature": 0}
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {key}"} if key else {})
    request = urllib.request.Request(f"{url}/v1/completions", json.dumps(body).encode(), headers)  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:  # noqa: S310
            return str(json.load(answer)["choices"][0]["text"])
    except OSError as trouble:
        raise StaleError(f"{url}: {trouble}") from None


def main(verb: str, *words: str) -> None:
    """Do what the first word says."""
    if verb == "prepare":
        models, manifest, file, blocks, other = words
        prepare(Path(models), Path(manifest), file, blocks, other)
    elif verb == "proof":
        proof(*words)
    else:
        {"swap": swap, "restore": restore}[verb]()


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except StaleError as why:
        sys.exit(str(why))
