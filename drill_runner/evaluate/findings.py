"""What is known of a run before it is judged."""

from drill_runner.evaluate.history import History
from drill_runner.evaluate.service import Tally
from drill_runner.model.base import data
from drill_runner.model.result import Episode, Mark, ObjectiveResult
from drill_runner.model.sample import ProbeSample, StreamSample


@data
class Findings:
    """Facts from evidence, each computed once."""

    history: History
    probes: tuple[ProbeSample, ...]
    """In the order of the schedule."""
    counts: Tally
    streams: tuple[StreamSample, ...]
    stream_counts: Tally
    episodes: tuple[Episode, ...]
    marks: tuple[Mark, ...]
    objectives: tuple[ObjectiveResult, ...]
    begin: float
    """The observer's start on the controller's clock, which episodes and marks count from."""
