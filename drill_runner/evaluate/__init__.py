"""Judges recorded history, and nothing else: no clock, no host. The same folder gives the same result."""
