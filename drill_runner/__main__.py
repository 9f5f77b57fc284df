"""`python -m drill_runner`."""

from drill_runner.cli import main

main(prog_name="drill_runner")
