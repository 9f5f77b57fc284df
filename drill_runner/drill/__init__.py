"""The sequence of a drill: the one place that sees everything."""

from drill_runner.drill.judged import judged
from drill_runner.drill.progress import Progress, Quiet
from drill_runner.drill.repeat import repeat_drill
from drill_runner.drill.resume import dead_run, resume
from drill_runner.drill.run import run_drill
from drill_runner.drill.summarised import summarised_again
from drill_runner.drill.watch import watch

__all__ = [
    "Progress",
    "Quiet",
    "dead_run",
    "judged",
    "repeat_drill",
    "resume",
    "run_drill",
    "summarised_again",
    "watch",
]
