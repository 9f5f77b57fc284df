"""The parent's handle on an observer: start it, follow its samples, stop it, and notice when it dies."""

import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from drill_runner.model.drill import ProbePlan
from drill_runner.model.inventory import Endpoint
from drill_runner.model.sample import Sample
from drill_runner.observe.config import CONFIG, ObserverConfig
from drill_runner.observe.writer import SAMPLE

START_WITHIN_S = 20.0
STOP_SPARE_S = 5.0
LOOK_EVERY_S = 0.02


class ObserverDiedError(RuntimeError):
    """The observer is not there any more though nobody stopped it: what it did not see cannot be told."""


def config_for(endpoint: Endpoint, probe: ProbePlan) -> ObserverConfig:
    """An observer's configuration for an inventory's endpoint and a drill's probe plan."""
    return ObserverConfig(
        url=endpoint.url,
        model=endpoint.model,
        api_key_file=endpoint.api_key_file,
        golden_file=endpoint.golden_file,
        pool_stats_url=endpoint.pool_stats_url,
        pool_backend=endpoint.pool_backend,
        alertmanager_url=endpoint.alertmanager_url,
        rate_hz=probe.rate_hz,
        timeout_s=probe.timeout_s,
        ttft_slo_ms=probe.ttft_slo_ms,
        stream_rate_hz=probe.stream_rate_hz,
        stream_tokens=probe.stream_tokens,
        stream_timeout_s=probe.stream_timeout_s,
    )


class Observer:
    """Context manager: the observer runs inside it, as a process and session of its own.

    Ctrl-C in the parent's terminal does not reach it, and it ends when the parent does, however that ends.
    Beside `out` it leaves `observer.json` (what it was told) and `observer.log` (what went wrong in it).
    """

    def __init__(self, config: ObserverConfig, out: Path) -> None:
        """Nothing is started before `with`. `out` must not exist."""
        self._config = config
        self._out = out
        self._log = out.with_name("observer.log")
        self._read_to = 0
        self._stopped = False
        self._process: subprocess.Popen[bytes] | None = None
        self.problem: str | None = None
        """Why it did not end as it should have; None so far."""

    def __enter__(self) -> Self:
        """Start it and wait for its first line; ObserverDiedError carries its own words if there is none."""
        told = self._out.with_name("observer.json")
        told.write_bytes(CONFIG.dump_json(self._config, indent=2) + b"\n")
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "drill_runner.observe", "--config", told, "--out", self._out],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        deadline = time.monotonic() + START_WITHIN_S
        while not (self._out.exists() and self._out.stat().st_size):
            self._see_if_it_died()
            if time.monotonic() > deadline:
                self.stop()
                raise ObserverDiedError(f"the observer wrote nothing within {START_WITHIN_S:g} s")
            time.sleep(LOOK_EVERY_S)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop it."""
        self.stop()

    def poll(self) -> list[Sample]:
        """The samples since the last call, whole lines only: none before it is started.

        Raises:
            ObserverDiedError: There will be no more, or they cannot be read.
        """
        if self._process is None:
            return []
        try:
            samples = self._new_samples()
        except (OSError, ValueError) as error:  # somebody removed the folder, or wrote into the file
            raise ObserverDiedError(f"{self._out}: cannot be read: {error}") from error
        if not samples and not self._stopped:
            self._see_if_it_died()
        return samples

    def stop(self) -> None:
        """End the watch and wait for its last line. `problem` says if that went wrong. Safe to call again."""
        process = self._process
        if process is None or self._stopped:
            return
        self._stopped = True
        self.problem = self.problem or self._death()
        process.terminate()
        try:
            process.wait(self._config.longest_s + STOP_SPARE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            self.problem = self.problem or "the observer did not stop when told to and was killed"
        if process.stdin is not None:  # not earlier: told to stop twice, it would not wait for what is open
            process.stdin.close()
        if process.returncode and self.problem is None:
            self.problem = self._last_words()

    def _new_samples(self) -> list[Sample]:
        with self._out.open("rb") as file:
            file.seek(self._read_to)
            whole, newline, _ = file.read().rpartition(b"\n")
        if not newline:
            return []
        self._read_to += len(whole) + 1
        return [SAMPLE.validate_json(line) for line in whole.split(b"\n")]

    def _see_if_it_died(self) -> None:
        death = self._death()
        if death is not None:
            self.problem = death
            raise ObserverDiedError(death)

    def _death(self) -> str | None:
        if self._process is None or self._process.poll() is None:
            return None
        return self._last_words()

    def _last_words(self) -> str:
        lines = self._log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        ended = self._process.returncode if self._process else None
        return f"the observer ended with {ended}: {lines[-1] if lines else 'it said nothing'}"
