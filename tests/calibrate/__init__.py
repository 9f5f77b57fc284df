"""Measures the measuring: outages of known start and length, and the error of the reported times against them.

`python -m tests.calibrate` runs the real observer process against `server.ScriptedServer`, a small server that serves
no model and breaks on command, and judges the samples with the real `evaluate`.
"""
