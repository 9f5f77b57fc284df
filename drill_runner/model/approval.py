"""A second person's word that a plan may be carried out."""

from typing import Annotated

from pydantic import AwareDatetime, Field

from drill_runner.model.base import Name, data

APPROVAL_VERSION = 1
Identity = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._+@-]{0,127}$")]
"""A person's name: of the user on the machine that drills are run from, with whatever domain behind it."""


def is_same(one: Identity, other: Identity) -> bool:
    """Two names mean one person: what follows an @ does not tell people apart here, nor do capitals."""
    return one.partition("@")[0].casefold() == other.partition("@")[0].casefold()


@data
class Approval:
    """What is signed."""

    version: int = Field(default=APPROVAL_VERSION, ge=1, le=APPROVAL_VERSION)
    drill: Name
    inventory: str
    hosts: tuple[str, ...]
    """Those that will be broken."""
    plan_sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    """Of all that the plan would do; see `plan.digest`."""
    requester: Identity
    """Who may run it."""
    approver: Identity
    signed_utc: AwareDatetime
    expires_utc: AwareDatetime


@data
class SignedApproval:
    """What `drill_runner approve` writes."""

    approval: Approval
    signature: str = Field(min_length=1)
    """OpenSSH's, of the approval as JSON."""
