"""A drill bound to an inventory: what will be done, or why it must not be. Pure."""

from drill_runner.plan.digest import digest
from drill_runner.plan.leases import lease_id
from drill_runner.plan.make import again, make_plan, new_run_id
from drill_runner.plan.windows import longest_s, why_closed

__all__ = ["again", "digest", "lease_id", "longest_s", "make_plan", "new_run_id", "why_closed"]
