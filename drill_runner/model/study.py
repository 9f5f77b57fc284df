"""What breaks in the field, how often, and how much of it the catalogue can rehearse."""

from typing import Annotated, Literal

from pydantic import Field

from drill_runner.model.base import Name, data
from drill_runner.model.fault import Fidelity

Count = Annotated[float, Field(ge=0, allow_inf_nan=False)]
"""Of incidents, in the study's unit."""
ROUNDING = 1e-6


@data
class Study:
    """A published study of incidents."""

    id: Name
    title: str = Field(min_length=1)
    """With its source."""
    unit: str = Field(min_length=1)
    whole: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    """All incidents that the study is about. Classes may sum to less."""
    checked: Literal["table", "abstract", "memory"]
    """What was read of it: its table, only the figures in its abstract, or nothing again."""
    note: str | None = None
    classes: dict[Name, Count] = Field(min_length=1)

    def __post_init__(self) -> None:
        """Refuse classes that are more than the whole."""
        total = sum(self.classes.values())
        if total > self.whole + ROUNDING:
            raise ValueError(f"the classes sum to {total:g}, more than the whole of {self.whole:g}")


@data
class Incident:
    """One that was told in public, and could be played again."""

    id: Name
    what: str = Field(min_length=1)


@data
class Studies:
    """The file, key by key."""

    studies: tuple[Study, ...] = Field(min_length=1)
    replayable_incidents: tuple[Incident, ...] = ()


@data
class Rehearsed:
    """A class that faults stand for."""

    name: Name
    share: float
    """Of the study's incidents, 0 to 1."""
    fidelity: Fidelity
    """The best that one of the faults has for it."""
    faults: tuple[Name, ...]
    """Those with this fidelity first."""


@data
class NotRehearsed:
    """A class that no fault stands for."""

    name: Name
    count: float
    share: float


@data
class Coverage:
    """One study against the catalogue. The shares of all classes and of what has none sum to 1."""

    study: Study
    rehearsed: tuple[Rehearsed, ...]
    """The most frequent first, and so below."""
    missing: tuple[NotRehearsed, ...]
    without_class: NotRehearsed | None
    """Incidents that the study counts and puts into no class."""
    share: float
    """That can be rehearsed, of whatever fidelity."""
    share_by_fidelity: dict[Fidelity, float]
    """A class counts once, at its best."""
