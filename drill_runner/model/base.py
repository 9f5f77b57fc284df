"""How data is declared here: frozen, strict, with no key that is not known."""

from typing import Annotated, TypeVar, dataclass_transform

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass as pydantic_dataclass

T = TypeVar("T")

RUN_VERSION = 1
"""Of what a run folder holds. It stays 1 until the first release: before that nobody has an older reader. From then on
every change makes it one more, an added key too, since unknown keys are refused."""

OLDEST_RUN_VERSION = 1
"""The oldest that is still read. It follows when what is new has no default that fits an older folder."""

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=64)]
"""A drill's, fault's, check's or playbook's name: a file or folder of this project, so never a path."""

Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]
"""A duration in seconds."""

PositiveSeconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]
"""A duration in seconds that cannot be nothing."""

Instant = Annotated[float, Field(allow_inf_nan=False)]
"""Seconds of the controller's CLOCK_MONOTONIC."""


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(Field,))
def data(cls: type[T]) -> type[T]:
    """Make `cls` a frozen, keyword-only dataclass whose values are checked and whose unknown keys are refused."""
    made: type[T] = pydantic_dataclass(frozen=True, kw_only=True, config=ConfigDict(extra="forbid"))(cls)  # type: ignore[assignment]
    return made


@data
class Interval:
    """A span that contains the true value. Units are its user's: an instant or a duration, in seconds."""

    lower: float
    upper: float

    def __post_init__(self) -> None:
        """Refuse an interval that is inside out."""
        if self.lower > self.upper:
            raise ValueError(f"an interval's lower end {self.lower} is above its upper end {self.upper}")

    @property
    def width(self) -> float:
        """Upper end less lower end."""
        return self.upper - self.lower

    def since(self, start: "Interval") -> "Interval":
        """The duration from `start` to this instant; never less than nothing."""
        return Interval(lower=max(0.0, self.lower - start.upper), upper=max(0.0, self.upper - start.lower))
