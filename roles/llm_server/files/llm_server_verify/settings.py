"""What this host serves, and what its answers are compared with."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

CONFIG_DIR = Path("/etc/llm-server")

T = TypeVar("T")


def config(name: str) -> Path:
    """A file of the configuration."""
    return CONFIG_DIR / name


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
    values = json.loads(config("verify.json").read_text())
    values["prompts"] = tuple(Prompt(**item) for item in values["prompts"])
    return chosen(Settings, values)


def subject(settings: Settings) -> dict[str, str]:
    """What golden answers are answers of."""
    return {"model": settings.model, "engine": settings.engine, "quantisation": settings.quantisation}


def load_golden(settings: Settings) -> tuple[Prompt, ...]:
    """The golden prompts that were recorded for this very engine and these very weights; none if there are none."""
    try:
        document = json.loads(config("golden.json").read_text())
    except FileNotFoundError:
        return ()
    if {key: document.get(key) for key in ("model", "engine", "quantisation")} != subject(settings):
        return ()
    return tuple(Prompt(**item) for item in document["prompts"])


def load_key() -> str:
    """The API key, from the file that the engine reads."""
    return config("api_key").read_text().strip()
