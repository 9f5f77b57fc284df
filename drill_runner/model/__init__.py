"""What the program talks about: frozen data, no I/O, no clock, no host.

One small module per stage of the way through: `fault` and `drill` (what is written), `inventory` (where), `plan`
(what will be done), `sample` and `record` (what was seen and done), `result` (what it means).

Instants are seconds of the controller's CLOCK_MONOTONIC, which every process of one machine shares; durations are
seconds. UTC stands beside an instant for people, and nothing is computed from it.
"""
