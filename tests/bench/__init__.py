"""Numbers of docs/performance.md, each measured by a command that anyone can run."""
