"""`backup-repository prune [USER…] | add-keys | scrub [USER…] | set-aside USER | watch`."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict

from backup_repository import aside, keys, metrics, prune, refusals, scrub
from backup_repository.settings import Settings, UpkeepError

WARNING = "<4>"
"""What makes a line a warning in the journal."""


def main(arguments: list[str] | None = None) -> int:
    """Run one command; print what it did as JSON."""
    parser = argparse.ArgumentParser(prog="backup-repository", description="Upkeep of a backup store.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("prune", help="remove what is kept no longer").add_argument("users", nargs="*", metavar="USER")
    commands.add_parser("add-keys", help="let the store's keys in; on stdin, in JSON: a password by user")
    commands.add_parser("scrub", help="read all files, find what rotted").add_argument(
        "users", nargs="*", metavar="USER"
    )
    moved = commands.add_parser("set-aside", help="make room for a good repository where a damaged one is")
    moved.add_argument("user")
    moved.add_argument("--discard", action="store_true", help="remove the damaged one")
    commands.add_parser("watch", help="count refused requests, write metrics")
    options = parser.parse_args(arguments)
    try:
        settings = Settings.load()
        if options.command == "watch":
            watch(settings)
        elif options.command == "add-keys":
            let_in = keys.add_keys(settings, json.load(sys.stdin))
            _say({user: {"changed": one.changed, "error": one.error} for user, one in let_in.items()})
            return int(any(one.error for one in let_in.values()))
        elif options.command == "scrub":
            rotten = {user: scrub.wrong(settings.data_dir / user) for user in options.users or settings.users}
            _say(rotten)
            return int(any(rotten.values()))
        elif options.command == "set-aside":
            _say(aside.set_aside(settings, options.user, discard=options.discard))
        else:
            done = prune.prune_all(settings, tuple(options.users) or prune.keys())
            _say({user: asdict(one) for user, one in done.items()})
            for user, one in done.items():
                if one.last_error:
                    sys.stderr.write(f"{user}: {one.last_error}\n")
            return int(any(one.last_error for one in done.values()))
    except UpkeepError as error:
        sys.stderr.write(f"backup-repository: {error}\n")
        return 1
    return 0


def watch(settings: Settings) -> None:
    """Count, tell the journal what is new, write the metrics."""
    seen, new = refusals.look(settings)
    for sentence in refusals.sentences(new):
        sys.stdout.write(f"{WARNING}{sentence}\n")
    metrics.write(settings, prune.load(), seen)


def _say(said: object) -> None:
    sys.stdout.write(json.dumps(said) + "\n")


if __name__ == "__main__":
    sys.exit(main())
