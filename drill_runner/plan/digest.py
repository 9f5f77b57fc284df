"""What an approval is bound to."""

import hashlib
from dataclasses import replace

from pydantic import TypeAdapter

from drill_runner.model.plan import Plan
from drill_runner.plan.make import again

PLAN: TypeAdapter[Plan] = TypeAdapter(Plan)


def digest(plan: Plan, inventory: str) -> str:
    """SHA-256 of all that `plan` would do, whoever carries it out, whenever, from whichever checkout.

    Args:
        plan: Of any run: its name, and its leases', do not count.
        inventory: As the project calls it: the folder of somebody's checkout does not count.
    """
    timeless = replace(
        again(plan, f"00000000T000000Z-{plan.drill.name}"),
        approval=None,
        inventory=replace(plan.inventory, source=inventory),
    )
    return hashlib.sha256(PLAN.dump_json(timeless)).hexdigest()
