"""The observer's command. It stops on SIGTERM or SIGINT, after `--seconds`, or when its parent closes its input."""

import argparse
import asyncio
import os
import resource
import signal
import stat
import sys
from pathlib import Path

import aiohttp

from drill_runner.errors import UsageError
from drill_runner.observe.config import ObserverConfig, Prompt, read_config, read_key, read_prompts
from drill_runner.observe.priority import go_first, never_pause
from drill_runner.observe.schedule import Watch, open_limit
from drill_runner.observe.writer import SampleWriter

SPARE_FILES = 64
USAGE = 2


def main() -> int:
    """Read what to do, then do it until told to stop."""
    parser = argparse.ArgumentParser(prog="python -m drill_runner.observe", description=__doc__)
    parser.add_argument("--config", type=Path, required=True, help="JSON: url, model, api_key_file, rate_hz, …")
    parser.add_argument("--out", type=Path, required=True, help="samples.jsonl; must not exist")
    parser.add_argument("--seconds", type=float, help="stop by itself after so long")
    arguments = parser.parse_args()
    try:
        config = read_config(arguments.config)
        prompts, key = read_prompts(config), read_key(config)
        writer = SampleWriter(arguments.out)
    except UsageError as error:
        sys.stderr.write(f"{error}\n")
        return USAGE
    _allow_open_files(open_limit(config) + SPARE_FILES)
    go_first()
    never_pause()
    try:
        asyncio.run(_observe(config, prompts, key, writer, arguments.seconds))
    finally:
        writer.close()
    return 0


async def _observe(
    config: ObserverConfig, prompts: tuple[Prompt, ...], key: str | None, writer: SampleWriter, seconds: float | None
) -> None:
    headers = {"Content-Type": "application/json", "Accept-Encoding": "identity"}
    if key is not None:
        headers["Authorization"] = f"Bearer {key}"
    watch = Watch(config, prompts, writer)
    _stop_when_told(watch)
    connector = aiohttp.TCPConnector(force_close=True, limit=0)
    no_limit = aiohttp.ClientTimeout()  # each request carries its own deadline, counted from when it is due
    async with aiohttp.ClientSession(connector=connector, headers=headers, timeout=no_limit) as session:
        await watch.run(session, seconds)


def _stop_when_told(watch: Watch) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, watch.stop)
    # A parent's pipe is a lifeline. A terminal or /dev/null says nothing about whether anybody still wants this.
    if stat.S_ISFIFO(os.fstat(sys.stdin.fileno()).st_mode):
        loop.add_reader(sys.stdin.fileno(), _read_lifeline, loop, watch)


def _read_lifeline(loop: asyncio.AbstractEventLoop, watch: Watch) -> None:
    if not os.read(sys.stdin.fileno(), 4096):
        loop.remove_reader(sys.stdin.fileno())
        watch.stop()


def _allow_open_files(wanted: int) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


if __name__ == "__main__":
    sys.exit(main())
