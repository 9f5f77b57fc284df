"""The command `model-backup`."""

from __future__ import annotations

import argparse
import json
import signal
import sys
from dataclasses import asdict
from pathlib import Path
from typing import NoReturn

from model_backup import markers, repository, restore_paths, restore_weights, settings, status
from model_backup.backup import backup
from model_backup.errors import BackupError
from model_backup.files import alone
from model_backup.fresh import due
from model_backup.refill import refill
from model_backup.restic import Restic
from model_backup.restore import source
from model_backup.verify import verify

NOT_FRESH = 3
"""Exit code of `fresh` when a backup is due."""


def main(arguments: list[str] | None = None) -> int:
    """Run one command; print what it did as JSON. Exit code 1 and one sentence if it failed."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, _stop)
    options = _parser().parse_args(arguments)
    try:
        code, said = COMMANDS[options.command](settings.load(), options)
    except (BackupError, OSError) as error:
        sys.stderr.write(f"model-backup: {error}\n")
        return 1
    sys.stdout.write(json.dumps(said) + "\n")
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="model-backup", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("backup", help="archive one kind of data, verified").add_argument("kind")
    fresh = commands.add_parser("fresh", help=f"exit {NOT_FRESH} when a backup is due")
    fresh.add_argument("kind", nargs="?", help="all kinds, if none is named")
    checked = commands.add_parser(
        "verify", help="read a part of the repository, the next one each time, and the weights"
    )
    checked.add_argument("--all", action="store_true", help="read all of it")
    restored = commands.add_parser("restore", help="bring one kind of data back, verified")
    restored.add_argument("kind")
    restored.add_argument("--snapshot", default="latest", help="its ID, or latest")
    restored.add_argument("--target", type=Path, help="folder to restore below; left out: where it came from")
    restored.add_argument("--from", dest="origin", choices=["repository", "copy"], default="repository")
    commands.add_parser("status", help="say what is known of the last backups")
    commands.add_parser("refill", help="make the repository anew from the second copy")
    commands.add_parser("init", help="begin a new repository, where the one that was is lost")
    return parser


def _backup(known: settings.Settings, options: argparse.Namespace) -> tuple[int, object]:
    kind = known.kind(options.kind)
    with alone(known.state_dir / f"backup-{kind.name}.lock"):
        return 0, asdict(backup(known, kind))


def _fresh(known: settings.Settings, options: argparse.Namespace) -> tuple[int, object]:
    reasons = due(known, [known.kind(options.kind)] if options.kind else known.kinds)
    return (NOT_FRESH if reasons else 0), reasons


def _verify(known: settings.Settings, options: argparse.Namespace) -> tuple[int, object]:
    with alone(known.state_dir / "verify.lock"):
        return 0, asdict(verify(known, everything=options.all))


def _restore(known: settings.Settings, options: argparse.Namespace) -> tuple[int, object]:
    kind = known.kind(options.kind)
    second = options.origin == "copy"
    with alone(known.state_dir / f"restore-{kind.name}.lock"):
        if kind.name == settings.WEIGHTS and options.target is None:
            done = restore_weights.restore(known, options.snapshot, from_second=second)
        else:
            done = restore_paths.restore(known, kind, options.target or Path("/"), options.snapshot, from_second=second)
        found = markers.note(known, kind, source(known, from_second=second), done.snapshot) if done.changed else None
    return 0, asdict(done) | {"changed": done.changed, "marker": found and found.marker}


def _status(known: settings.Settings, _: argparse.Namespace) -> tuple[int, object]:
    return 0, {item.kind: asdict(item) for item in status.load_all(known)}


def _init(known: settings.Settings, _: argparse.Namespace) -> tuple[int, object]:
    restic = Restic(known.repository, known.host)
    restic.reach()
    with alone(known.state_dir / repository.LOCK, wait=True):
        restic.run("init")
    repository.remember(known, restic)
    return 0, {"repository": known.repository.location}


def _refill(known: settings.Settings, _: argparse.Namespace) -> tuple[int, object]:
    with alone(known.state_dir / "refill.lock"):
        return 0, asdict(refill(known))


def _stop(number: int, _: object) -> NoReturn:
    """Turn a signal into an exception, so that what it means is kept in the status."""
    raise BackupError(f"stopped by {signal.Signals(number).name}")


COMMANDS = {
    "backup": _backup,
    "fresh": _fresh,
    "verify": _verify,
    "restore": _restore,
    "status": _status,
    "init": _init,
    "refill": _refill,
}
