"""The client's place, watched by a process of its own.

`python -m drill_runner.observe --config FILE --out samples.jsonl` sends requests for tokens on a fixed schedule,
asks the load balancer what it thinks of its servers, checks its own clock, and writes one line for everything it saw.
It judges single answers only; what they mean together is `evaluate`'s business. `process.Observer` is the parent's
handle.
"""
