"""The commands of `verify`."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import llm_server_verify
from llm_server_verify.answers import NoAnswerError, WrongAnswerError, ask_for_a_token, compare, record
from llm_server_verify.ready import wait
from llm_server_verify.settings import load_golden, load_key, load_settings
from llm_server_verify.watch import watch
from llm_server_verify.weights import digest_problems, wait_for_digests

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


def fail(problems: Sequence[str]) -> int:
    """Say what is wrong; 1 if anything is."""
    for problem in problems:
        print(problem, file=sys.stderr)  # noqa: T201
    return 1 if problems else 0


def check_digests(wait_s: float) -> int:
    """Compare all files with the manifest; names of the bad ones on standard output."""
    models = Path(load_settings().models_dir)
    problems = wait_for_digests(models, wait_s)
    print("\n".join(problems))  # noqa: T201
    return fail(list(problems.values()))


def check_golden() -> int:
    """Compare all answers with the golden ones."""
    settings = load_settings()
    prompts = load_golden(settings)
    if not prompts:
        return fail(["golden.json holds no answers for this engine and these weights; deploy again"])
    compare(settings, load_key(), prompts)
    return 0


def check_all() -> int:
    """Both."""
    return check_digests(0) or check_golden()


def print_record() -> int:
    """Golden answers as JSON, of weights that were read just now."""
    settings = load_settings()
    problems = digest_problems(Path(settings.models_dir))
    if problems:
        return fail(list(problems.values()))
    print(json.dumps(record(settings, load_key()), indent=2))  # noqa: T201
    return 0


def check_token() -> int:
    """Ask for one token."""
    ask_for_a_token()
    return 0


def check_ready(timeout_s: float, *, need_verdict: bool) -> int:
    """Wait until this host serves."""
    problem = wait(timeout_s, need_verdict=need_verdict)
    return fail([problem] if problem else [])


def main() -> int:
    """Run one command."""
    parser = argparse.ArgumentParser(
        description=llm_server_verify.__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, run: Callable[[argparse.Namespace], int], summary: str) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=summary)
        made.set_defaults(run=run)
        return made

    digests = command("digests", lambda given: check_digests(given.wait_s), "compare the weights with the manifest")
    digests.add_argument("--wait-s", type=float, default=0, help="how long wrong files may be put right, in seconds")
    command("golden", lambda _: check_golden(), "compare the answers with the golden ones")
    command("all", lambda _: check_all(), "both")
    command("record", lambda _: print_record(), "golden answers of this host, as JSON")
    command("token", lambda _: check_token(), "ask for one token")
    command("watch", lambda _: watch(), "check for ever, and keep the verdict")
    ready = command(
        "wait", lambda given: check_ready(given.timeout_s, need_verdict=not given.engine_only), "until it serves"
    )
    ready.add_argument("--timeout-s", type=float, required=True, help="in seconds")
    ready.add_argument("--engine-only", action="store_true", help="whatever the verdict is")
    given = parser.parse_args()
    try:
        return int(given.run(given))
    except (WrongAnswerError, NoAnswerError) as error:
        return fail([str(error)])
    except (OSError, ValueError) as error:
        fail([str(error)])
        return 2
