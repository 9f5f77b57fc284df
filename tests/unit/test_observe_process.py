"""The real observer process against a scripted server: every probe accounted for, whatever happens to either."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest

from drill_runner.errors import UsageError
from drill_runner.model.sample import (
    ObserverStarted,
    ObserverStopped,
    Outcome,
    PoolSample,
    ProbeSample,
    Sample,
    StreamSample,
)
from drill_runner.observe.config import CONFIG, ObserverConfig, read_key, read_prompts
from drill_runner.observe.process import Observer, ObserverDiedError
from drill_runner.observe.writer import SAMPLE
from tests.calibrate.rehearse import rehearse
from tests.calibrate.script import Outage
from tests.calibrate.server import ANSWER, ScriptedServer, Trouble

pytestmark = pytest.mark.slow  # starts processes and waits for them

DEADLINE_S = 120.0
RATE_HZ = 40.0
STREAM_HZ = 5.0
TOKENS = 8
SECRET = "sk-not-to-be-seen"


def published(pid: int) -> bytes:
    """What every user, or every child, can read of a process."""
    return Path(f"/proc/{pid}/cmdline").read_bytes() + Path(f"/proc/{pid}/environ").read_bytes()


def command(told: Path, out: Path, *more: str) -> list[str]:
    return [sys.executable, "-m", "drill_runner.observe", "--config", str(told), "--out", str(out), *more]


class Bench:
    """An observer at work on a scripted server."""

    def __init__(self, server: ScriptedServer, observer: Observer) -> None:
        self.server = server
        self.observer = observer
        self.samples: list[Sample] = []

    @property
    def probes(self) -> list[ProbeSample]:
        return [sample for sample in self.samples if isinstance(sample, ProbeSample)]

    @property
    def streams(self) -> list[StreamSample]:
        return [sample for sample in self.samples if isinstance(sample, StreamSample)]

    @property
    def pid(self) -> int:
        process = self.observer._process
        assert process is not None
        return process.pid

    async def until(self, what: Callable[[], bool]) -> None:
        """Read samples until `what` holds."""
        deadline = time.monotonic() + DEADLINE_S
        while not what():
            assert time.monotonic() < deadline, Counter(probe.outcome for probe in self.probes)
            await asyncio.sleep(0.02)
            self.samples += self.observer.poll()

    async def until_more(self, count: int) -> None:
        wanted = len(self.probes) + count
        await self.until(lambda: len(self.probes) >= wanted)

    async def until_more_streams(self, count: int) -> None:
        wanted = len(self.streams) + count
        await self.until(lambda: len(self.streams) >= wanted)

    async def stop(self) -> None:
        await asyncio.to_thread(self.observer.stop)
        self.samples += self.observer.poll()

    def outcomes(self) -> set[Outcome]:
        return {probe.outcome for probe in self.probes}

    def assert_accounted(self) -> None:
        last = self.samples[-1]
        assert isinstance(last, ObserverStopped)
        assert sorted(probe.seq for probe in self.probes) == list(range(last.scheduled))
        assert sorted(stream.seq for stream in self.streams) == list(range(last.streams_scheduled))


def config(server: ScriptedServer, folder: Path, **changes: object) -> ObserverConfig:
    golden = folder / "golden.json"
    golden.write_text(json.dumps({"version": 1, "prompts": [{"prompt": "?", "answer": ANSWER}]}))
    key = folder / "key"
    key.write_text(SECRET + "\n")
    told = {
        "url": f"http://127.0.0.1:{server.port}",
        "model": "scripted",
        "api_key_file": str(key),
        "golden_file": str(golden),
        "pool_stats_url": f"http://127.0.0.1:{server.port}/stats;csv",
        "pool_backend": "llm",
        "rate_hz": RATE_HZ,
        "timeout_s": 1.0,
        "ttft_slo_ms": 300.0,
        "stream_rate_hz": STREAM_HZ,
        "stream_tokens": TOKENS,
        "stream_timeout_s": 1.0,
    }
    return CONFIG.validate_python({**told, **changes})


def on_a_bench(folder: Path, do: Callable[[Bench], object]) -> Bench:
    """Run the coroutine function `do` with an observer at work."""

    async def run() -> Bench:
        async with ScriptedServer() as server:
            observer = Observer(config(server, folder), folder / "samples.jsonl")
            await asyncio.to_thread(observer.__enter__)
            bench = Bench(server, observer)
            try:
                await do(bench)  # type: ignore[misc]
            finally:
                await asyncio.to_thread(observer.stop)
            return bench

    return asyncio.run(run())


def test_good_answers_who_gave_them_and_the_pool(tmp_path: Path):
    async def do(bench: Bench) -> None:
        await bench.until_more(20)
        await bench.until(lambda: any(isinstance(sample, PoolSample) for sample in bench.samples))
        await bench.until(lambda: bool(bench.streams))
        request = bench.server.requests[1]
        assert b"\r\nauthorization: bearer " + SECRET.encode() + b"\r\n" in request.replace(
            b"Authorization: Bearer", b"authorization: bearer"
        )
        assert json.loads(request.partition(b"\r\n\r\n")[2]) == {
            "model": "scripted",
            "prompt": "?",
            "max_tokens": 1,
            "temperature": 0,
            "stream": False,
        }
        longer = json.loads(bench.server.requests[TOKENS].partition(b"\r\n\r\n")[2])
        assert (longer["prompt"], longer["max_tokens"], longer["temperature"]) == ("?", TOKENS, 0)
        await bench.stop()

    bench = on_a_bench(tmp_path, do)
    bench.assert_accounted()
    assert isinstance(bench.samples[0], ObserverStarted)
    good = [probe for probe in bench.probes if probe.outcome is Outcome.OK]
    assert len(good) >= 15
    assert {(one.status, one.replica, one.answer, one.retries) for one in good} == {(200, "scripted", None, 0)}
    dues = sorted(probe.due for probe in bench.probes)
    assert all(later - earlier == pytest.approx(1 / RATE_HZ) for earlier, later in pairwise(dues))
    pool = [sample.servers for sample in bench.samples if isinstance(sample, PoolSample) and not sample.error]
    assert {"gpu1": "UP", "gpu2": "UP"} in pool
    assert bench.observer.problem is None


def test_a_stream_tells_when_every_token_came_and_does_not_move_the_probes(tmp_path: Path):
    async def do(bench: Bench) -> None:
        await bench.until(lambda: len(bench.streams) >= 4)
        await bench.stop()

    bench = on_a_bench(tmp_path, do)
    bench.assert_accounted()
    good = [stream for stream in bench.streams if stream.outcome is Outcome.OK]
    assert len(good) >= 2
    for stream in good:
        assert (stream.tokens, len(stream.gaps_ms), stream.replica, stream.retries) == (
            TOKENS,
            TOKENS - 1,
            "scripted",
            0,
        )
        assert stream.first_token is not None
        last = stream.first_token + sum(stream.gaps_ms) / 1000
        assert stream.due < stream.first_token < last <= stream.end + 1e-3
    start = min(probe.due for probe in bench.probes)
    assert sorted(probe.due - start for probe in bench.probes) == pytest.approx(
        [seq / RATE_HZ for seq in range(len(bench.probes))]
    )
    assert sorted(stream.due - start for stream in bench.streams) == pytest.approx(
        [0.5 / RATE_HZ + seq / STREAM_HZ for seq in range(len(bench.streams))]
    )


@pytest.mark.parametrize(
    ("trouble", "outcome"),
    [(Trouble.RESET, Outcome.TRUNCATED), (Trouble.DROP, Outcome.TRUNCATED), (Trouble.LOST, Outcome.TIMEOUT)],
)
def test_what_becomes_of_a_stream_that_had_begun(tmp_path: Path, trouble: Trouble, outcome: Outcome):
    async def do(bench: Bench) -> None:
        deadline = time.monotonic() + DEADLINE_S
        while not any(outcome is one.outcome and 0 < one.tokens < TOKENS for one in bench.streams):
            assert time.monotonic() < deadline
            seen = len(bench.streams)
            await bench.until_more_streams(1)
            await asyncio.sleep(1 / STREAM_HZ - 0.02 * (1 + seen % 3))  # into the next one, sooner or later
            await bench.server.begin(trouble)
            await bench.until_more(10)
            await bench.server.end()
        await bench.stop()

    bench = on_a_bench(tmp_path, do)
    bench.assert_accounted()
    begun = next(one for one in bench.streams if one.outcome is outcome and 0 < one.tokens < TOKENS)
    assert begun.first_token is not None
    assert len(begun.gaps_ms) == begun.tokens - 1


def test_no_streams_where_none_are_wanted(tmp_path: Path):
    told = tmp_path / "observer.json"
    told.write_text(json.dumps({"url": "http://127.0.0.1:1", "model": "m", "stream_rate_hz": 0}))
    out = tmp_path / "s"
    subprocess.run(command(told, out, "--seconds", "0.2"), stdin=subprocess.DEVNULL, timeout=DEADLINE_S, check=True)
    lines = [SAMPLE.validate_json(line) for line in out.read_bytes().splitlines()]
    assert not any(isinstance(line, StreamSample) for line in lines)
    assert isinstance(lines[-1], ObserverStopped)
    assert (lines[-1].scheduled, lines[-1].streams_scheduled) == (4, 0)


def test_samples_written_before_there_were_streams_are_read():
    old = b'{"kind": "observer_stopped", "at": 1.0, "scheduled": 3}'
    assert SAMPLE.validate_json(old) == ObserverStopped(at=1.0, scheduled=3, streams_scheduled=0)


def test_the_key_is_in_nothing_that_others_can_read(tmp_path: Path):
    async def do(bench: Bench) -> None:
        await bench.until_more(5)
        assert SECRET.encode() not in published(bench.pid)
        await bench.stop()

    on_a_bench(tmp_path, do)
    for path in tmp_path.iterdir():
        assert path.name == "key" or SECRET.encode() not in path.read_bytes()


@pytest.mark.parametrize(
    ("trouble", "outcome"),
    [
        (Trouble.REFUSE, Outcome.CONNECTION_ERROR),
        (Trouble.RESET, Outcome.CONNECTION_ERROR),
        (Trouble.DROP, Outcome.CONNECTION_ERROR),
        (Trouble.LOST, Outcome.TIMEOUT),
        (Trouble.SLOW, Outcome.TOO_SLOW),
        (Trouble.WRONG, Outcome.WRONG_ANSWER),
        (Trouble.TRUNCATED, Outcome.TRUNCATED),
        (Trouble.HTTP_503, Outcome.HTTP_ERROR),
    ],
)
def test_every_trouble_has_its_outcome(tmp_path: Path, trouble: Trouble, outcome: Outcome):
    async def do(bench: Bench) -> None:
        await bench.until_more(5)
        await bench.server.begin(trouble)
        await bench.until(lambda: sum(probe.outcome is outcome for probe in bench.probes) >= 5)
        await bench.until(lambda: any(stream.outcome is outcome for stream in bench.streams))
        await bench.server.end()
        await bench.stop()

    bench = on_a_bench(tmp_path, do)
    bench.assert_accounted()
    seen: list[ProbeSample | StreamSample] = [*bench.probes, *bench.streams]
    failed = [one for one in seen if one.outcome is outcome]
    if outcome is Outcome.WRONG_ANSWER:
        assert {one.answer for one in failed} == {" Rome", " Rome 1 2 3 4 5 6 7"}
    else:
        assert all(probe.error and "\n" not in probe.error for probe in failed)
    if outcome is Outcome.TIMEOUT:
        assert all(probe.end - probe.due >= 1.0 for probe in failed)


def test_what_is_open_when_it_is_stopped_ends_as_a_timeout(tmp_path: Path):
    async def do(bench: Bench) -> None:
        await bench.until_more(5)
        await bench.server.begin(Trouble.LOST)
        await asyncio.sleep(10 / RATE_HZ)
        await bench.stop()

    bench = on_a_bench(tmp_path, do)
    bench.assert_accounted()
    assert Outcome.TIMEOUT in bench.outcomes()
    assert bench.observer.problem is None


def test_told_to_stop_twice_it_does_not_wait_and_says_what_was_open(tmp_path: Path):
    async def do(bench: Bench) -> None:
        await bench.until_more(5)
        await bench.server.begin(Trouble.LOST)
        await asyncio.sleep(10 / RATE_HZ)
        os.kill(bench.pid, signal.SIGTERM)
        await asyncio.sleep(0.1)
        os.kill(bench.pid, signal.SIGTERM)
        await bench.stop()

    bench = on_a_bench(tmp_path, do)
    bench.assert_accounted()
    cut = [probe for probe in bench.probes if probe.error == "the observer was stopped with the request still open"]
    assert cut
    assert {probe.outcome for probe in cut} == {Outcome.NOT_SENT}


def test_starved_it_says_which_probes_it_could_not_send(tmp_path: Path):
    async def do(bench: Bench) -> None:
        await bench.until_more(5)
        os.kill(bench.pid, signal.SIGSTOP)
        try:
            await asyncio.sleep(0.5)
        finally:
            os.kill(bench.pid, signal.SIGCONT)
        await bench.until(lambda: Outcome.NOT_SENT in bench.outcomes())
        await bench.until_more(5)
        await bench.stop()

    bench = on_a_bench(tmp_path, do)
    bench.assert_accounted()
    missed = [probe for probe in bench.probes if probe.outcome is Outcome.NOT_SENT]
    assert len(missed) >= 0.4 * RATE_HZ
    assert all(probe.error and probe.error.startswith("woke ") and probe.sent is None for probe in missed)


def test_its_death_is_noticed_and_recorded(tmp_path: Path):
    async def do(bench: Bench) -> None:
        await bench.until_more(5)
        os.kill(bench.pid, signal.SIGKILL)
        with pytest.raises(ObserverDiedError, match="the observer ended with -9"):
            await bench.until(lambda: False)

    assert "ended with -9" in str(on_a_bench(tmp_path, do).observer.problem)


def test_before_its_start_there_is_nothing_and_samples_that_are_gone_are_its_end(tmp_path: Path):
    async def do(bench: Bench) -> None:
        assert Observer(bench.observer._config, tmp_path / "another.jsonl").poll() == []
        await bench.until_more(1)
        (tmp_path / "samples.jsonl").unlink()
        with pytest.raises(ObserverDiedError, match=r"samples\.jsonl: cannot be read"):
            bench.observer.poll()

    on_a_bench(tmp_path, do)


def test_it_ends_with_its_parent(tmp_path: Path):
    async def run() -> None:
        async with ScriptedServer() as server:
            told = tmp_path / "observer.json"
            told.write_bytes(CONFIG.dump_json(config(server, tmp_path)))
            out = tmp_path / "samples.jsonl"
            process = await asyncio.create_subprocess_exec(*command(told, out), stdin=subprocess.PIPE)
            deadline = time.monotonic() + DEADLINE_S
            while not (out.exists() and out.read_bytes().count(b"\n") > 5):
                assert time.monotonic() < deadline
                await asyncio.sleep(0.02)
            assert process.stdin is not None
            process.stdin.close()  # what the kernel does when the parent dies
            assert await asyncio.wait_for(process.wait(), DEADLINE_S) == 0
            last = SAMPLE.validate_json(out.read_bytes().splitlines()[-1])
            assert isinstance(last, ObserverStopped)

    asyncio.run(run())


def test_a_time_limit_schedules_so_many_probes(tmp_path: Path):
    told = tmp_path / "observer.json"
    told.write_text(json.dumps({"url": "http://127.0.0.1:1", "model": "m", "rate_hz": 20}))
    ended = subprocess.run(
        command(told, tmp_path / "s", "--seconds", "0.5"), stdin=subprocess.DEVNULL, timeout=DEADLINE_S, check=False
    )
    assert ended.returncode == 0
    last = SAMPLE.validate_json((tmp_path / "s").read_bytes().splitlines()[-1])
    assert isinstance(last, ObserverStopped)
    assert last.scheduled == 10


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"model": "m"}', "observer configuration: url: Field required"),
        ('{"url": "http://x", "model": "m", "rate": 3}', "observer configuration: rate: Unexpected keyword argument"),
        ('{"url": "http://x", "model": "m", "golden_file": "/nowhere"}', "/nowhere: the golden file cannot be read"),
        ('{"url": "http://x", "model": "m", "api_key_file": "/nowhere"}', "/nowhere: the service's API key cannot be"),
        ("{", "observer configuration: "),
    ],
)
def test_bad_input_is_one_message_and_nothing_is_sent(tmp_path: Path, content: str, message: str):
    told, out = tmp_path / "observer.json", tmp_path / "samples.jsonl"
    told.write_text(content)
    ended = subprocess.run(command(told, out), capture_output=True, text=True, timeout=DEADLINE_S, check=False)
    assert ended.returncode == 2
    assert message in ended.stderr
    assert len(ended.stderr.splitlines()) == 1
    assert not out.exists()


def test_samples_of_two_runs_are_never_mixed(tmp_path: Path):
    (tmp_path / "samples.jsonl").write_text("old\n")
    told, out = tmp_path / "observer.json", tmp_path / "samples.jsonl"
    told.write_text('{"url": "http://127.0.0.1:1", "model": "m"}')
    ended = subprocess.run(command(told, out), capture_output=True, text=True, timeout=DEADLINE_S, check=False)
    assert (ended.returncode, "exists already" in ended.stderr) == (2, True)
    assert (tmp_path / "samples.jsonl").read_text() == "old\n"


@pytest.mark.parametrize("content", ["", "two words", "two\nlines\n"])
def test_a_key_file_holds_one_key(tmp_path: Path, content: str):
    (tmp_path / "key").write_text(content)
    told = ObserverConfig(url="http://x", model="m", api_key_file=str(tmp_path / "key"))
    with pytest.raises(UsageError, match="expected one line"):
        read_key(told)


def test_without_golden_answers_any_answer_is_right():
    (prompt,) = read_prompts(ObserverConfig(url="http://x", model="m"))
    assert prompt.answer is None


def test_a_short_rehearsal_accounts_for_every_probe_and_never_reports_too_little(tmp_path: Path):
    kinds = (Trouble.REFUSE, Trouble.RESET, Trouble.HELD, Trouble.WRONG)
    script = [Outage(kind.value, kind, (0.6,), 0.25 * index, 0.1) for index, kind in enumerate(kinds)]
    rehearsal = asyncio.run(rehearse(script, tmp_path))
    assert rehearsal.accounted == 1.0
    for truth in rehearsal.truths:
        start, end = truth.start - rehearsal.begin, truth.end - rehearsal.begin
        # The outer bounds hold on the busiest machine; how near they are is `python -m tests.calibrate`'s business.
        assert any(
            episode.start.lower <= start and episode.end is not None and end <= episode.end.upper
            for episode in rehearsal.episodes
        ), truth
