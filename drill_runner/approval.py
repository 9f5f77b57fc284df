"""Two-person approval: signed and verified by OpenSSH, so that whoever has an SSH key needs nothing else."""

import subprocess
import tempfile
from datetime import datetime
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from drill_runner.errors import UsageError
from drill_runner.model.approval import Approval, SignedApproval, is_same

NAMESPACE = "drill_runner"
"""A signature made for anything else is worth nothing here, nor one made here elsewhere."""
APPROVAL: TypeAdapter[Approval] = TypeAdapter(Approval)
SIGNED: TypeAdapter[SignedApproval] = TypeAdapter(SignedApproval)


def sign(approval: Approval, key: Path) -> SignedApproval:
    """Sign with a private key, or with the one in the agent that belongs to a public key.

    Raises:
        UsageError: ssh-keygen cannot; it asks for a passphrase itself.
    """
    done = _ssh_keygen("-q", "-Y", "sign", "-f", str(key), "-n", NAMESPACE, message=APPROVAL.dump_json(approval))
    if done.returncode:
        raise UsageError(f"{key}: cannot sign with this key: {_said(done)}")
    return SignedApproval(approval=approval, signature=done.stdout.decode())


def read_approval(path: Path) -> SignedApproval:
    """Read what `drill_runner approve` wrote; UsageError if it is anything else."""
    try:
        return SIGNED.validate_json(path.read_bytes(), strict=True)
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from error
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"])) or "the file"
        raise UsageError(f"{path}: {key}: {first['msg']}; expected what `drill_runner approve` writes") from error


def check_approval(signed: SignedApproval, where: str, *, plan_sha256: str, requester: str, signers: Path) -> None:
    """Refuse an approval that does not allow `requester` to carry out the plan. When it expires is asked elsewhere.

    Args:
        signed: What was read.
        where: Its file, as messages shall call it.
        plan_sha256: Of the plan that would be carried out.
        requester: Who asks for that.
        signers: OpenSSH's file of allowed signers.

    Raises:
        UsageError: Names file, key and what was expected.
    """
    told = signed.approval
    if not is_same(told.requester, requester):
        raise UsageError(
            f"{where}: requester: {requester} runs the drill; expected {told.requester}, whom it is meant for"
        )
    if is_same(told.approver, requester):
        raise UsageError(f"{where}: approver: {told.approver} runs the drill as well; expected somebody else")
    if told.plan_sha256 != plan_sha256:
        raise UsageError(
            f"{where}: plan_sha256: it is about {told.drill} on {', '.join(told.hosts)} of {told.inventory} as it was "
            "planned then; expected an approval of what `drill_runner plan` shows now"
        )
    if problem := _not_signed_by(signed, told.approver, signers):
        raise UsageError(f"{where}: signature: {signers} does not vouch for {told.approver}: {problem}")
    if _not_signed_by(signed, requester, signers) is None:
        raise UsageError(
            f"{where}: signature: made with a key that is {requester}'s too in {signers}; expected another one"
        )


def why_expired(signed: SignedApproval | None, now: datetime) -> str | None:
    """Why an approval does not count any more; None if it does, or if there is none."""
    if signed is None or now < signed.approval.expires_utc:
        return None
    return f"the approval by {signed.approval.approver} expired at {signed.approval.expires_utc:%Y-%m-%d %H:%M:%S} UTC"


def _not_signed_by(signed: SignedApproval, identity: str, signers: Path) -> str | None:
    """Why the signature is not that of `identity`; None if it is."""
    with tempfile.NamedTemporaryFile(prefix="drill_runner-") as signature:
        signature.write(signed.signature.encode())
        signature.flush()
        who = ("-f", str(signers), "-I", identity, "-s", signature.name)
        done = _ssh_keygen("-Y", "verify", "-n", NAMESPACE, *who, message=APPROVAL.dump_json(signed.approval))
    return _said(done) if done.returncode else None


def _ssh_keygen(*arguments: str, message: bytes) -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run(["ssh-keygen", *arguments], input=message, capture_output=True, check=False)
    except OSError as error:
        raise UsageError(f"ssh-keygen: {error.strerror}; expected OpenSSH 8.1 or later") from error


def _said(done: subprocess.CompletedProcess[bytes]) -> str:
    text = (done.stderr or done.stdout).decode(errors="replace")
    return " ".join(text.split()) or f"exit code {done.returncode}"
