#!/usr/bin/python3
"""Does this host's model server hold the right weights and give the right answers?

Engines report healthy with flipped bits in their weights, so two things are compared: the files' SHA-256 with the
manifest, and the answers to golden prompts with those recorded at deploy. Neither alone is enough.

An engine that cannot be reached, hangs, or says that it is busy is not judged here: the load balancer asks for tokens
itself, and a verdict that fell with every restart would only keep a good replica out of the pool for longer.
"""

import argparse
import contextlib
import hashlib
import http.client
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar

CONFIG_DIR = Path("/etc/llm-server")
VERDICT = Path("/run/llm-server/verdict")
GOLDEN_VERSION = 1
THREADS = min(8, os.cpu_count() or 1)

UP = "up"

T = TypeVar("T")


class WrongAnswerError(Exception):
    """The engine answered, and not what it should."""


class NoAnswerError(Exception):
    """No answer to judge: refused, hung, loading, busy."""


@dataclass(frozen=True, kw_only=True)
class Prompt:
    """A question, and with `answer` the one right continuation under greedy decoding."""

    prompt: str
    max_tokens: int
    answer: str | None = None


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What /etc/llm-server/verify.json holds."""

    url: str
    model: str
    engine: str
    """Kind, image and arguments."""
    quantisation: str
    """With the weights' digest. Golden answers of another model, engine or quantisation are not compared with."""
    models_dir: str
    prompts: tuple[Prompt, ...]
    interval_s: float
    """Between two checks while all is well."""
    retry_s: float
    """Between two checks while something is not."""
    digest_interval_s: float
    """How old a digest of an unchanged file may get."""
    timeout_s: float
    """For one answer."""
    prompts_per_check: int


def chosen(cls: Callable[..., T], values: dict[str, Any]) -> T:
    """A `cls` from those `values` that it knows."""
    known = {item.name for item in fields(cls)}  # type: ignore[arg-type]
    return cls(**{key: value for key, value in values.items() if key in known})


def load_settings() -> Settings:
    """The settings of this host."""
    values = json.loads((CONFIG_DIR / "verify.json").read_text())
    values["prompts"] = tuple(Prompt(**item) for item in values["prompts"])
    return chosen(Settings, values)


def subject(settings: Settings) -> dict[str, str]:
    """What golden answers are answers of."""
    return {"model": settings.model, "engine": settings.engine, "quantisation": settings.quantisation}


def load_golden(settings: Settings) -> tuple[Prompt, ...]:
    """The golden prompts that were recorded for this very engine and these very weights; none if there are none."""
    try:
        document = json.loads((CONFIG_DIR / "golden.json").read_text())
    except FileNotFoundError:
        return ()
    if {key: document.get(key) for key in ("model", "engine", "quantisation")} != subject(settings):
        return ()
    return tuple(Prompt(**item) for item in document["prompts"])


def load_key() -> str:
    """The API key, from the file that the engine reads."""
    return (CONFIG_DIR / "api_key").read_text().strip()


# --- weights ----------------------------------------------------------------------------------------------------------


def load_manifest() -> dict[str, str]:
    """Digest by file, from a list in `sha256sum`'s format."""
    lines = (CONFIG_DIR / "manifest.sha256").read_text().splitlines()
    return {name.lstrip("*"): digest for digest, name in (line.split(maxsplit=1) for line in lines if line.strip())}


def sha256_of(path: Path) -> str:
    """Digest of a file. hashlib lets other threads run meanwhile."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def signature(path: Path) -> tuple[int, ...]:
    """Changes with every ordinary write or replacement."""
    status = path.stat()
    return (status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def digest_problem(path: Path, expected: str) -> str | None:
    """What is wrong with one file."""
    try:
        found = sha256_of(path)
    except OSError as error:
        return f"{path.name}: {error.strerror}"
    return None if found == expected else f"{path.name}: SHA-256 begins with {found[:12]}, expected {expected[:12]}"


def digest_problems(models: Path) -> dict[str, str]:
    """What is wrong, by file, all files read now and in parallel."""
    manifest = load_manifest()
    with ThreadPoolExecutor(max_workers=THREADS) as pool:
        found = pool.map(lambda item: digest_problem(models / item[0], item[1]), manifest.items())
    return {name: problem for name, problem in zip(manifest, found, strict=True) if problem is not None}


def wait_for_digests(models: Path, wait_s: float) -> dict[str, str]:
    """The problems that are left after at most `wait_s`, in which somebody may put the right files in place.

    The files are read again only when they have changed, so a host with bad weights does not spend itself on hashing.
    """
    deadline = time.monotonic() + wait_s
    while problems := digest_problems(models):
        before = signatures(models)
        while signatures(models) == before:
            if time.monotonic() > deadline:
                return problems
            time.sleep(0.1)
    return problems


def signatures(models: Path) -> dict[str, tuple[int, ...] | None]:
    """Of every file in the manifest; None for one that cannot be looked at."""
    found: dict[str, tuple[int, ...] | None] = {}
    for name in load_manifest():
        try:
            found[name] = signature(models / name)
        except OSError:
            found[name] = None
    return found


@dataclass
class Checked:
    """A file as it was when it was last read in full."""

    signature: tuple[int, ...]
    expected: str
    at: float
    problem: Future[str | None]


@dataclass
class Digests:
    """Knows which files are good without reading them each time; reads in threads, and never holds up the rest."""

    models: Path
    max_age_s: float
    pool: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(max_workers=min(8, os.cpu_count() or 1))
    )
    seen: dict[str, Checked] = field(default_factory=dict)
    again: dict[str, Checked] = field(default_factory=dict)

    def problem(self, wait_s: float) -> str | None:
        """What is wrong now; a file that changed counts as wrong until it has been read, for which we wait `wait_s`."""
        problems = [self._file(name, expected, wait_s) for name, expected in load_manifest().items()]
        return next((text for text in problems if text is not None), None)

    def _file(self, name: str, expected: str, wait_s: float) -> str | None:
        path = self.models / name
        try:
            now = signature(path)
        except OSError as error:
            return f"{name}: {error.strerror}"
        known = self.seen.get(name)
        if known is None or known.signature != now or known.expected != expected:
            known = self.seen[name] = self._read(path, now, expected)
            self.again.pop(name, None)
        elif known.problem.done() and time.monotonic() - known.at > self.max_age_s:
            known = self._reread(name, path, known)
        try:
            return known.problem.result(timeout=wait_s)
        except TimeoutError:
            return f"{name}: being read"

    def _read(self, path: Path, now: tuple[int, ...], expected: str) -> Checked:
        return Checked(now, expected, time.monotonic(), self.pool.submit(digest_problem, path, expected))

    def _reread(self, name: str, path: Path, known: Checked) -> Checked:
        """The old word stands until the new reading is done."""
        fresh = self.again.get(name)
        if fresh is None:
            fresh = self.again[name] = self._read(path, known.signature, known.expected)
        if not fresh.problem.done():
            return known
        self.seen[name] = fresh
        del self.again[name]
        return fresh


# --- answers ----------------------------------------------------------------------------------------------------------


def ask(settings: Settings, key: str, prompt: Prompt) -> str:
    """The engine's greedy continuation.

    Raises:
        NoAnswerError: There is no answer to judge.
        WrongAnswerError: The engine refuses the request.
    """
    host, _, port = settings.url.removeprefix("http://").partition(":")
    body = {"model": settings.model, "prompt": prompt.prompt, "max_tokens": prompt.max_tokens, "temperature": 0}
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {key}"}
    connection = http.client.HTTPConnection(host, int(port), timeout=settings.timeout_s)
    try:
        connection.request("POST", "/v1/completions", json.dumps(body), headers)
        response = connection.getresponse()
        payload = response.read()
    except (OSError, http.client.HTTPException) as error:
        raise NoAnswerError(f"{type(error).__name__}: {error}") from error
    finally:
        connection.close()
    if response.status >= 500 or response.status == 429:  # noqa: PLR2004
        raise NoAnswerError(f"HTTP {response.status}")
    if response.status != 200:  # noqa: PLR2004
        raise WrongAnswerError(f"HTTP {response.status}")
    try:
        return str(json.loads(payload)["choices"][0]["text"])
    except (ValueError, LookupError, TypeError) as error:
        raise WrongAnswerError(f"no text in the answer: {payload[:80]!r}") from error


def compare(settings: Settings, key: str, prompts: Sequence[Prompt]) -> None:
    """Ask `prompts`; an answer is wrong when it is wrong twice, since a batch's company can turn a close call.

    Raises:
        NoAnswerError: There is no answer to judge.
        WrongAnswerError: An answer is not the golden one.
    """
    for prompt in prompts:
        answer = ask(settings, key, prompt)
        if answer != prompt.answer:
            answer = ask(settings, key, prompt)
        if answer != prompt.answer:
            raise WrongAnswerError(f"{prompt.prompt!a} gives {answer!a}, golden is {prompt.answer!a}")


def record(settings: Settings, key: str) -> dict[str, object]:
    """Golden answers of this host, whose weights are known to be right.

    Raises:
        WrongAnswerError: An answer is not stable, so it cannot be golden.
    """
    prompts = []
    for prompt in settings.prompts:
        answers = {ask(settings, key, prompt) for _ in range(3)}
        if len(answers) != 1 or not next(iter(answers)):
            raise WrongAnswerError(
                f"{prompt.prompt!a} has no one answer: {sorted(answers)}; take it out of llm_server_golden_prompts"
            )
        prompts.append(asdict(Prompt(prompt=prompt.prompt, max_tokens=prompt.max_tokens, answer=answers.pop())))
    return {"version": GOLDEN_VERSION, **subject(settings), "prompts": prompts}


# --- verdict ----------------------------------------------------------------------------------------------------------


def uptime_s() -> float:
    """The clock that `agent` reads in /proc/uptime; it does not jump."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What the load balancer is told."""

    word: str
    at_s: float
    """Of the clock that `uptime_s` reads."""
    judged: bool
    """The engine answered at that time; otherwise an earlier word was kept."""


def read_verdict() -> Verdict | None:
    """The verdict that stands, if any."""
    try:
        word, at_s, how = VERDICT.read_text().splitlines()
    except (FileNotFoundError, ValueError):
        return None
    return Verdict(word=word, at_s=float(at_s), judged=how == "judged")


def write_verdict(word: str, *, judged: bool) -> None:
    """Put the word and its time in place as one."""
    fresh = VERDICT.with_suffix(".new")
    fresh.write_text(f"{word}\n{uptime_s():.2f}\n{'judged' if judged else 'kept'}\n")
    fresh.replace(VERDICT)


@dataclass
class Watch:
    """One check after the other. `up` is said only after a full check, and stands until something speaks against it."""

    settings: Settings
    digests: Digests
    word: str | None
    settled: bool = False
    """The last check was complete and good."""
    turn: int = 0

    def check(self) -> None:
        """Judge once."""
        self._refresh()
        problem = self.digests.problem(wait_s=self.settings.retry_s)
        if problem is not None:
            self._say(f"down #digest {problem}")
            return
        prompts = load_golden(self.settings)
        if not prompts:
            self._say("down #no golden answers for this engine and these weights")
            return
        try:
            compare(self.settings, load_key(), self._some(prompts) if self.settled else prompts)
        except WrongAnswerError as error:
            self._say(f"down #answer {error}")
        except NoAnswerError:
            self._keep()
        else:
            self._say(UP)

    def _refresh(self) -> None:
        """Take the settings anew: a restore may have put others in place. Without any, the last ones stand."""
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            settings = load_settings()
            self.settled = self.settled and settings == self.settings
            self.settings = settings

    def _some(self, prompts: Sequence[Prompt]) -> list[Prompt]:
        """The next few of the shortest: a check that is due every few seconds has to be cheap."""
        fewest = min(prompt.max_tokens for prompt in prompts)
        short = [prompt for prompt in prompts if prompt.max_tokens == fewest]
        first, self.turn = self.turn, self.turn + self.settings.prompts_per_check
        return [short[turn % len(short)] for turn in range(first, self.turn)]

    def _say(self, word: str) -> None:
        word = " ".join(word.split())
        if word != self.word:
            print(word, flush=True)  # noqa: T201
        self.word = word
        self.settled = word == UP
        write_verdict(word, judged=True)

    def _keep(self) -> None:
        """Nobody answered, so the last word stands; the next answer is judged by all prompts."""
        self.settled = False
        if self.word is not None:
            write_verdict(self.word, judged=False)


def watch() -> int:
    """Check for ever."""
    settings = load_settings()
    kept = read_verdict()
    state = Watch(settings, Digests(Path(settings.models_dir), settings.digest_interval_s), kept.word if kept else None)
    while True:
        started = time.monotonic()
        state.check()
        pause = settings.interval_s if state.settled else settings.retry_s
        time.sleep(max(0.05, started + pause - time.monotonic()))


# --- commands ---------------------------------------------------------------------------------------------------------


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
    """Ask for one token, whichever it is."""
    ask(load_settings(), load_key(), Prompt(prompt="1 2 3", max_tokens=1))
    return 0


def wait(timeout_s: float, *, need_verdict: bool) -> int:
    """Until the unit is active, a token came, and the verdict is `up`."""
    deadline = time.monotonic() + timeout_s
    while problem := unready(need_verdict=need_verdict):
        if time.monotonic() > deadline:
            return fail([f"not ready after {timeout_s:g} s: {problem}"])
        time.sleep(0.2)
    return 0


def unready(*, need_verdict: bool) -> str | None:
    """Why this host does not serve, if it does not."""
    unit = show("llm-server.service")
    if unit["ActiveState"] != "active":
        return f"llm-server.service is {unit['ActiveState']}"
    try:
        check_token()
    except (WrongAnswerError, NoAnswerError) as error:
        return f"no token: {error}"
    if not need_verdict:
        return None
    verdict = read_verdict()
    if verdict is None or verdict.word != UP:
        return f"the verdict is {verdict.word if verdict else 'not there yet'}"
    # A word from before the engine's or the checker's start says nothing about what serves now.
    started_us = max(int(found["ActiveEnterTimestampMonotonic"]) for found in (unit, show("llm-server-verify.service")))
    asleep_s = uptime_s() - time.monotonic()
    if not verdict.judged or verdict.at_s < started_us / 1e6 + asleep_s:
        return "the verdict is from before this start"
    return None


def show(unit: str) -> dict[str, str]:
    """State of a systemd unit."""
    command = ["systemctl", "show", unit, "--property=ActiveState,ActiveEnterTimestampMonotonic"]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    return dict(line.split("=", maxsplit=1) for line in lines)


def main() -> int:
    """Run one command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
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
    ready = command("wait", lambda given: wait(given.timeout_s, need_verdict=not given.engine_only), "until it serves")
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


if __name__ == "__main__":
    sys.exit(main())
