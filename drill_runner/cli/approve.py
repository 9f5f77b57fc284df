"""`drill_runner approve`."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click
from pydantic import TypeAdapter, ValidationError

from drill_runner.approval import SIGNED, check_approval, sign
from drill_runner.cli.audited import action_of, audited
from drill_runner.cli.options import drill_argument, examples, inventory_option
from drill_runner.cli.planning import plan_for, project_of, signers_of
from drill_runner.cli.settings import Settings
from drill_runner.errors import UsageError
from drill_runner.model.approval import Approval, Identity
from drill_runner.plan import digest
from drill_runner.report.plan_text import plan_text

LONGEST = timedelta(days=7)
UNITS = {"m": "minutes", "h": "hours", "d": "days"}


def _duration(_context: click.Context, _parameter: click.Parameter, text: str) -> timedelta:
    told = re.fullmatch(r"([1-9]\d{0,4})([mhd])", text)
    given = timedelta(**{UNITS[told[2]]: int(told[1])}) if told else None
    if given is None or given > LONGEST:
        raise click.BadParameter(f"{text}: expected minutes, hours or days, as in 4h; {LONGEST.days}d at most")
    return given


@click.command(
    "approve",
    epilog=examples(
        "drill_runner approve host_loss -i inventories/prod --as alice --for bob \\",
        "      --key ~/.ssh/id_ed25519 --out host_loss.approval",
        "drill_runner run host_loss -i inventories/prod --approve host_loss.approval",
    ),
)
@drill_argument
@inventory_option
@click.option("--as", "approver", required=True, metavar="NAME", help="Who approves, as drill_approvers calls them.")
@click.option("--for", "requester", required=True, metavar="USER", help="Who may run it: their name on the controller.")
@click.option(
    "--key",
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Your SSH key; a public one if the agent has it.",
)
@click.option(
    "--valid-for", callback=_duration, metavar="TIME", default="4h", show_default=True, help="30m, 4h, 2d; 7d at most."
)
@click.option(
    "--out", required=True, type=click.Path(dir_okay=False, path_type=Path), help="File for the approval; a new one."
)
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_obj
def command(
    settings: Settings,
    *,
    drill: str,
    inventory: Path | None,
    approver: str,
    requester: str,
    key: Path,
    valid_for: timedelta,
    out: Path,
    yes: bool,
) -> None:
    """Let somebody else run a drill: read its plan, and sign it.

    For inventories that name drill_approvers. What is signed is the plan: the drill, the hosts, every limit. A plan
    that has changed since needs a new approval.
    """
    for option, name in (("--as", approver), ("--for", requester)):
        _check_identity(option, name)
    project = project_of(settings)
    plan = plan_for(project, drill, inventory)
    action = action_of("approve", plan, project)
    signers = signers_of(project, plan)
    if out.exists():
        raise UsageError(f"{out}: is there already; expected a new file")
    now = datetime.now(UTC).replace(microsecond=0)
    approval = Approval(
        drill=plan.drill.name,
        inventory=str(action.inventory),
        hosts=plan.targets,
        plan_sha256=digest(plan, str(action.inventory)),
        requester=requester,
        approver=approver,
        signed_utc=now,
        expires_utc=now + valid_for,
    )
    click.echo(plan_text(plan))
    question = f"Approve this as {approver}, for {requester}, until {approval.expires_utc:%Y-%m-%d %H:%M} UTC?"
    if not yes and not click.confirm(question, err=True):
        raise UsageError(f"{drill}: not approved; nothing was signed")
    with audited(action) as ending:
        ending.approved_by = approver
        signed = sign(approval, key)
        check_approval(signed, str(out), plan_sha256=approval.plan_sha256, requester=requester, signers=signers)
        try:
            with out.open("xb") as file:
                file.write(SIGNED.dump_json(signed, indent=2) + b"\n")
        except OSError as error:
            raise UsageError(f"{out}: cannot be written: {error.strerror}") from error
    click.echo(f"Approved: {out}", err=True)


def _check_identity(option: str, name: str) -> None:
    try:
        TypeAdapter(Identity).validate_python(name)
    except ValidationError as error:
        raise UsageError(f"{option}: {name!r}: expected a name of letters, digits, and . _ + @ -") from error
