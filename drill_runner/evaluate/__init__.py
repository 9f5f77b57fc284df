"""Judges recorded history, and nothing else: no clock, no host. The same folder gives the same result.

`history.read_run(folder)` reads a run, `evaluate(history)` judges it, `to_json(result)` writes it down.
"""

from drill_runner.evaluate.history import History, read_run
from drill_runner.evaluate.judge import evaluate
from drill_runner.evaluate.output import result_schema, to_json

__all__ = ["History", "evaluate", "read_run", "result_schema", "to_json"]
