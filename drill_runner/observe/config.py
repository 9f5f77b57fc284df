"""What an observer is told: a JSON file without secrets, which names the files that hold them."""

from pathlib import Path

from pydantic import Field, TypeAdapter, ValidationError

from drill_runner.errors import UsageError
from drill_runner.model.base import PositiveSeconds, T, data


@data
class ObserverConfig:
    """The service, and how to watch it."""

    url: str = Field(pattern=r"^https?://[^/{}]+(/[^{}]*)?$")
    """Base of an OpenAI-compatible API, without `/v1`."""
    model: str = Field(min_length=1)
    api_key_file: str | None = None
    """`~` is expanded. The key is read by the observer itself, so that no command line and no run folder holds it."""
    golden_file: str | None = None
    """Without it any answer that is not empty is right."""
    pool_stats_url: str | None = Field(default=None, pattern=r"^https?://[^{}]+$")
    """Complete URL of HAProxy's statistics as CSV."""
    pool_backend: str | None = None
    alertmanager_url: str | None = Field(default=None, pattern=r"^https?://[^{}@?#]+$")
    """Base of Alertmanager, without `/api/v2`."""
    rate_hz: float = Field(default=20.0, gt=0, le=200)
    timeout_s: PositiveSeconds = 5.0
    """Counted from the instant at which the request is due, and hard: connecting and a stalled body are inside it."""
    ttft_slo_ms: float = Field(default=2000.0, gt=0)
    stream_rate_hz: float = Field(default=0.5, ge=0, le=20)
    """Longer, streamed requests beside the probes; 0: none."""
    stream_tokens: int = Field(default=16, ge=2, le=4096)
    stream_timeout_s: PositiveSeconds = 10.0
    """As `timeout_s`, for a stream."""

    @property
    def longest_s(self) -> float:
        """How long a request may be open."""
        return max(self.timeout_s, self.stream_timeout_s) if self.stream_rate_hz else self.timeout_s


@data
class Prompt:
    """One question, and the only right answer."""

    prompt: str
    max_tokens: int = Field(default=1, ge=1)
    answer: str | None = None
    """None: any answer that is not empty is right."""


FIXED_PROMPT = Prompt(prompt="The capital of France is")
"""Asked where no golden answers were recorded."""


@data
class Golden:
    """The golden file, as `llm_server` writes it at deploy."""

    version: int = Field(default=1, ge=1, le=1)
    model: str | None = None
    engine: str | None = None
    quantisation: str | None = None
    prompts: tuple[Prompt, ...] = Field(min_length=1)


CONFIG = TypeAdapter(ObserverConfig)
_GOLDEN = TypeAdapter(Golden)


def read_config(path: Path) -> ObserverConfig:
    """The configuration in `path`; UsageError says what is wrong with it."""
    return _read(path, CONFIG, "observer configuration")


def read_prompts(config: ObserverConfig) -> tuple[Prompt, ...]:
    """What to ask, in turn: the golden prompts with the shortest answers, for a probe must cost little."""
    golden = read_golden(config)
    shortest = min(prompt.max_tokens for prompt in golden)
    return tuple(prompt for prompt in golden if prompt.max_tokens == shortest)


def read_golden(config: ObserverConfig) -> tuple[Prompt, ...]:
    """All golden prompts; without a golden file a fixed one that any answer is right for."""
    if config.golden_file is None:
        return (FIXED_PROMPT,)
    return _read(Path(config.golden_file).expanduser(), _GOLDEN, "golden file").prompts


def read_key(config: ObserverConfig) -> str | None:
    """The service's API key, or None for a service without one."""
    if config.api_key_file is None:
        return None
    path = Path(config.api_key_file).expanduser()
    try:
        key = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: the service's API key cannot be read: {error}") from error
    if not key or any(character.isspace() for character in key):
        raise UsageError(f"{path}: expected one line that holds the service's API key")
    return key


def _read(path: Path, adapter: TypeAdapter[T], what: str) -> T:
    try:
        return adapter.validate_json(path.read_bytes())
    except OSError as error:
        raise UsageError(f"{path}: the {what} cannot be read: {error.strerror}") from error
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        key = ".".join(str(part) for part in first["loc"]) or "file"
        raise UsageError(f"{path}: {what}: {key}: {first['msg']}") from error
