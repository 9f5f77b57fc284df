"""Serve one GGUF model over HTTP with llama.cpp's own server, in this process.

Usage: serve.py CONFIG.json

The server answers while the weights are loaded (503 on /health) and after. SIGTERM ends it once the weights are loaded:
open requests are cut, the exit status is 0. Anything that keeps the model from being served ends the process with 1 and
one line that says why.
"""

import json
import signal
import sys
from dataclasses import dataclass
from pathlib import Path

import xllamacpp

STOP_SIGNALS = {signal.SIGTERM, signal.SIGINT}


@dataclass(frozen=True, kw_only=True)
class Config:
    """What CONFIG.json holds; an unknown key is an error."""

    model: str
    """Path of the GGUF file."""
    alias: str
    """The model's name in the API."""
    api_key_file: str | None = None
    """File with the key that clients must send; without it everybody is served."""
    host: str = "0.0.0.0"  # noqa: S104 - inside a container, whose published port decides who gets in
    port: int = 8080
    threads: int = 1
    """CPU threads that compute."""
    context: int = 2048
    """Tokens of context, shared by all slots."""
    slots: int = 2
    """Requests that are computed at the same time."""
    cache_mib: int = 0
    """Memory for prompts that left their slot, in MiB."""
    verbosity: int = 1
    """llama.cpp's: 1 errors, 2 warnings, 3 a few lines for every request."""


def read(path: Path) -> Config:
    """The configuration in `path`."""
    return Config(**json.loads(path.read_text()))


def parameters(config: Config) -> xllamacpp.CommonParams:
    """The same in llama.cpp's words."""
    params = xllamacpp.CommonParams()
    params.model.path = config.model
    params.model_alias = {config.alias}
    params.hostnames = [config.host]
    params.port = config.port
    params.n_ctx = config.context
    params.n_parallel = config.slots
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = config.threads
    params.cache_ram_mib = config.cache_mib
    params.verbosity = config.verbosity
    params.endpoint_metrics = True
    params.ui = False
    params.offline = True
    if config.api_key_file is not None:
        params.api_keys = [Path(config.api_key_file).read_text().strip()]
    return params


def main() -> int:
    """Serve until told to stop."""
    # Before any thread exists, so that all inherit the mask: a container's first process has no default action.
    signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
    try:
        config = read(Path(sys.argv[1]))
        if not Path(config.model).is_file():
            raise FileNotFoundError(f"{config.model}: no such model")
        server = xllamacpp.Server(parameters(config))
    except (OSError, ValueError, TypeError, RuntimeError, IndexError) as error:
        print(f"cannot serve: {error}", file=sys.stderr)  # noqa: T201
        return 1
    print(f"serving {config.alias} at {server.listening_address}", flush=True)  # noqa: T201
    signal.sigwait(STOP_SIGNALS)
    del server
    return 0


if __name__ == "__main__":
    sys.exit(main())
