"""The sequence of a drill: the one place that sees everything."""

from drill_runner.drill.progress import Progress, Quiet
from drill_runner.drill.run import run_drill

__all__ = ["Progress", "Quiet", "run_drill"]
