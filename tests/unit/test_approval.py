"""Two-person approval, with real keys and OpenSSH's own tool."""

import json
import os
import subprocess
import sys
from dataclasses import replace as changed
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NoReturn

import pytest
from click.testing import CliRunner, Result
from pydantic import TypeAdapter

from drill_runner.approval import SIGNED, check_approval, read_approval, sign, why_expired
from drill_runner.audit import audit_path, read_audit
from drill_runner.catalog import Project
from drill_runner.cli import main
from drill_runner.errors import UsageError
from drill_runner.evaluate import evaluate
from drill_runner.model.approval import Approval, SignedApproval, is_same
from drill_runner.model.audit import Who
from drill_runner.model.plan import Plan
from drill_runner.plan import again, digest
from drill_runner.report import html
from tests.unit import runs
from tests.unit.project_tree import make_project, replace, write
from tests.unit.test_plan import DRILL, plan

pytestmark = pytest.mark.slow  # starts processes and waits for them

NOW = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
APPROVAL = Approval(
    drill="bitrot",
    inventory="inventories/lab",
    hosts=("one",),
    plan_sha256="a" * 64,
    requester="bob",
    approver="alice@example.com",
    signed_utc=NOW,
    expires_utc=NOW + timedelta(hours=4),
)


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the private keys of three people."""
    folder = tmp_path_factory.mktemp("keys")
    for name in ("alice", "bob", "mallory"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)], check=True)
    return folder


@pytest.fixture
def signers(keys: Path, tmp_path: Path) -> Path:
    return allow(tmp_path / "approvers", keys, {"alice@example.com": "alice", "bob": "bob"})


def allow(path: Path, keys: Path, owners: dict[str, str]) -> Path:
    lines = (f"{name} {(keys / f'{key}.pub').read_text()}" for name, key in owners.items())
    return write(path, "".join(lines))


def refusal(signed: SignedApproval, signers: Path, *, plan_sha256: str = "a" * 64, requester: str = "bob") -> str:
    with pytest.raises(UsageError) as raised:
        check_approval(signed, "x.approval", plan_sha256=plan_sha256, requester=requester, signers=signers)
    return str(raised.value)


class TestCheck:
    def test_what_is_in_order_is_accepted(self, keys: Path, signers: Path) -> None:
        signed = sign(APPROVAL, keys / "alice")
        check_approval(signed, "x.approval", plan_sha256="a" * 64, requester="bob", signers=signers)

    def test_another_plan(self, keys: Path, signers: Path) -> None:
        assert refusal(sign(APPROVAL, keys / "alice"), signers, plan_sha256="b" * 64) == (
            "x.approval: plan_sha256: it is about bitrot on one of inventories/lab as it was planned then; "
            "expected an approval of what `drill_runner plan` shows now"
        )

    def test_another_requester(self, keys: Path, signers: Path) -> None:
        assert refusal(sign(APPROVAL, keys / "alice"), signers, requester="mallory") == (
            "x.approval: requester: mallory runs the drill; expected bob, whom it is meant for"
        )

    @pytest.mark.parametrize("approver", ["bob", "Bob", "bob@example.com"])
    def test_oneself(self, keys: Path, signers: Path, approver: str) -> None:
        signed = sign(changed(APPROVAL, approver=approver), keys / "bob")
        assert refusal(signed, signers) == (
            f"x.approval: approver: {approver} runs the drill as well; expected somebody else"
        )

    def test_ones_own_key_under_another_name(self, keys: Path, tmp_path: Path) -> None:
        both = allow(tmp_path / "both", keys, {"alice@example.com": "bob", "bob": "bob"})
        assert refusal(sign(APPROVAL, keys / "bob"), both) == (
            f"x.approval: signature: made with a key that is bob's too in {both}; expected another one"
        )

    def test_a_name_that_is_anybodys(self, keys: Path, tmp_path: Path) -> None:
        anybody = allow(tmp_path / "anybody", keys, {"*": "bob"})
        assert "a key that is bob's too" in refusal(sign(APPROVAL, keys / "bob"), anybody)

    @pytest.mark.parametrize("key", ["bob", "mallory"])
    def test_somebody_elses_key(self, keys: Path, signers: Path, key: str) -> None:
        message = refusal(sign(APPROVAL, keys / key), signers)
        assert message.startswith(f"x.approval: signature: {signers} does not vouch for alice@example.com: ")

    def test_somebody_whom_nobody_vouches_for(self, keys: Path, signers: Path) -> None:
        signed = sign(changed(APPROVAL, approver="mallory"), keys / "mallory")
        assert "does not vouch for mallory" in refusal(signed, signers)

    @pytest.mark.parametrize(
        "other",
        [
            changed(APPROVAL, expires_utc=NOW + timedelta(days=400)),
            changed(APPROVAL, hosts=("one", "two")),
            changed(APPROVAL, drill="other"),
            changed(APPROVAL, inventory="inventories/prod"),
        ],
    )
    def test_changed_after_it_was_signed(self, keys: Path, signers: Path, other: Approval) -> None:
        signed = sign(APPROVAL, keys / "alice")
        forged = changed(signed, approval=other)
        assert "does not vouch for alice@example.com" in refusal(forged, signers)

    def test_a_signature_for_something_else(self, keys: Path, signers: Path) -> None:
        done = subprocess.run(
            ["ssh-keygen", "-q", "-Y", "sign", "-f", str(keys / "alice"), "-n", "git"],
            input=TypeAdapter(Approval).dump_json(APPROVAL),
            capture_output=True,
            check=True,
        )
        signed = SignedApproval(approval=APPROVAL, signature=done.stdout.decode())
        assert "does not vouch for alice@example.com" in refusal(signed, signers)

    def test_a_key_whose_time_is_over(self, keys: Path, tmp_path: Path) -> None:
        old = write(
            tmp_path / "old",
            f'alice@example.com valid-before="20200101" {(keys / "alice.pub").read_text()}',
        )
        assert "does not vouch for alice@example.com" in refusal(sign(APPROVAL, keys / "alice"), old)

    def test_no_signature_at_all(self, signers: Path) -> None:
        signed = SignedApproval(approval=APPROVAL, signature="none")
        assert "does not vouch for alice@example.com" in refusal(signed, signers)


def test_a_key_that_cannot_sign(tmp_path: Path) -> None:
    key = write(tmp_path / "key", "no key")
    with pytest.raises(UsageError, match=f"^{key}: cannot sign with this key: "):
        sign(APPROVAL, key)


def test_expiry() -> None:
    signed = SignedApproval(approval=APPROVAL, signature="s")
    assert why_expired(None, NOW) is None
    assert why_expired(signed, NOW + timedelta(hours=3, minutes=59)) is None
    assert why_expired(signed, NOW + timedelta(hours=4)) == (
        "the approval by alice@example.com expired at 2026-11-24 14:00:00 UTC"
    )


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("bob", "bob", True),
        ("bob", "BOB@example.com", True),
        ("bob@a.example", "bob@b.example", True),
        ("bob", "rob", False),
        ("bob", "bobby", False),
    ],
)
def test_who_is_who(one: str, other: str, same: bool) -> None:
    assert is_same(one, other) is same


class TestDigest:
    def test_when_and_by_whom_it_is_run_does_not_count(self) -> None:
        made = plan(("one",))
        later = again(made, "20270101T000000Z-test")
        elsewhere = changed(later, inventory=changed(later.inventory, source="/home/bob/drills/inventories/lab"))
        approved = changed(elsewhere, approval=SignedApproval(approval=APPROVAL, signature="s"))
        assert digest(made, "inventories/lab") == digest(approved, "inventories/lab")

    def test_everything_else_does(self) -> None:
        made = plan(("one",))
        others = [
            plan(("two",)),
            plan(("one",), drill=changed(DRILL, settle_s=6)),
            plan(("one",), drill=changed(DRILL, faults=(changed(DRILL.faults[0], params={"bytes": 8}),))),
            plan(("one",), drill=changed(DRILL, faults=(changed(DRILL.faults[0], time_limit_s=91),))),
        ]
        digests = {digest(each, "inventories/lab") for each in (made, *others)}
        assert len(digests | {digest(made, "inventories/prod")}) == 6

    def test_it_is_the_same_in_every_process(self) -> None:
        script = (
            "from tests.unit.test_plan import plan; from drill_runner.plan import digest; "
            "print(digest(plan(('one',)), 'x'))"
        )
        told = {
            subprocess.run(
                [sys.executable, "-c", script],
                env=os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": str(Path(__file__).parents[2])},
                capture_output=True,
                text=True,
                check=True,
            ).stdout
            for seed in ("1", "2", "3")
        }
        assert len(told) == 1


class TestRead:
    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"approver": "-oProxyCommand=x"}, "approval.approver: String should match pattern"),
            ({"plan_sha256": "short"}, "approval.plan_sha256: String should match pattern"),
            ({"expires_utc": "2026-11-24T10:00:00"}, "approval.expires_utc: Input should have timezone info"),
            ({"version": 2}, "approval.version: Input should be less than or equal to 1"),
            ({"reason": "because"}, "approval.reason: Unexpected keyword argument"),
        ],
    )
    def test_what_is_wrong_is_named(self, tmp_path: Path, change: dict[str, object], message: str) -> None:
        text = json.loads(SIGNED.dump_json(SignedApproval(approval=APPROVAL, signature="s")))
        text["approval"] |= change
        path = write(tmp_path / "x.approval", json.dumps(text))
        with pytest.raises(UsageError) as raised:
            read_approval(path)
        assert str(raised.value).startswith(f"{path}: {message}")
        assert str(raised.value).endswith("; expected what `drill_runner approve` writes")

    def test_no_file_and_no_json(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match="cannot be read: No such file or directory"):
            read_approval(tmp_path / "none")
        with pytest.raises(UsageError, match="the file: Invalid JSON"):
            read_approval(write(tmp_path / "text", "approved!"))


@pytest.fixture
def project(tmp_path: Path, keys: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """Where alice's approval is asked for, and bob is at work."""
    made = make_project(tmp_path / "project")
    allow(made.root / "approvers", keys, {"alice": "alice", "bob": "bob"})
    replace(made, "inventories/lab/hosts.yml", "drill_allowed:", "drill_approvers: approvers\n    drill_allowed:")
    monkeypatch.chdir(made.root)
    monkeypatch.delenv("ANSIBLE_INVENTORY", raising=False)
    monkeypatch.delenv("DRILL_RUNNER_PROJECT", raising=False)
    for module in ("planning", "audited"):
        monkeypatch.setattr(f"drill_runner.cli.{module}.who", lambda: Who(user="bob", uid=1000, host="desk"))
    return made


def run(*arguments: str, answer: str | None = None) -> Result:
    return CliRunner().invoke(main, arguments, prog_name="drill_runner", input=answer)


def approve(keys: Path, *more: str, key: str = "alice", answer: str | None = "y\n") -> Result:
    given = ("--as", "alice", "--for", "bob", "--key", str(keys / key), "--out", "it.approval", *more)
    return run("approve", "bitrot", *given, answer=answer)


def ran(monkeypatch: pytest.MonkeyPatch) -> list[Plan]:
    """The plans that are carried out: none of them is."""
    plans: list[Plan] = []

    def simulated_run(plan: Plan, *_: object, **__: object) -> NoReturn:
        plans.append(plan)
        raise UsageError("simulated")

    monkeypatch.setattr("drill_runner.cli.run.run_drill", simulated_run)
    return plans


class TestCommands:
    def test_what_was_approved_may_be_run(self, project: Project, keys: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        plans = ran(monkeypatch)
        done = approve(keys)
        assert (done.exit_code, done.stderr.splitlines()[-1]) == (0, "Approved: it.approval")
        assert done.stdout.startswith("bitrot: Bits rot.\n")
        assert "drill_approvers: somebody of approvers must approve it, other than who runs" in done.stdout
        assert "simulated" in run("run", "bitrot", "--approve", "it.approval").stderr
        approval = plans[0].approval
        assert approval == read_approval(project.root / "it.approval")
        assert approval is not None
        assert approval.approval.expires_utc - approval.approval.signed_utc == timedelta(hours=4)
        assert [
            (entry.action.command, entry.event, entry.approved_by) for entry in read_audit(audit_path()).entries
        ] == [
            ("approve", "began", None),
            ("approve", "ended", "alice"),
            ("run", "began", None),
            ("run", "ended", "alice"),
        ]
        assert "run " in run("list", "audit").stdout

    def test_from_another_checkout(self, project: Project, keys: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        plans = ran(monkeypatch)
        approve(keys)
        other = project.root.rename(project.root.with_name("elsewhere"))
        monkeypatch.chdir(other)
        run("run", "bitrot", "--approve", "it.approval")
        assert len(plans) == 1

    def test_without_approval_nothing_is_run(self, project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
        plans = ran(monkeypatch)
        done = run("run", "bitrot")
        assert (done.exit_code, done.stdout) == (2, "")
        assert done.stderr == (
            "Error: inventories/lab: drill_approvers: somebody else must have approved this; expected --approve FILE, "
            "which they make by `drill_runner approve bitrot --for bob`\n"
        )
        assert plans == []
        assert read_audit(audit_path()).entries[-1].exit_code == 2
        assert not project.runs.exists()

    def test_the_drill_was_changed_since(self, project: Project, keys: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        plans = ran(monkeypatch)
        approve(keys)
        replace(project, "drills/bitrot.yml", "bytes: 1", "bytes: 2")
        assert "it.approval: plan_sha256: " in run("run", "bitrot", "--approve", "it.approval").stderr
        assert plans == []

    def test_it_has_expired(self, project: Project, keys: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        plans = ran(monkeypatch)
        approve(keys)
        path = project.root / "it.approval"
        signed = read_approval(path)
        past = changed(signed.approval, expires_utc=NOW - timedelta(days=1))
        path.write_bytes(SIGNED.dump_json(sign(past, keys / "alice")))
        assert run("run", "bitrot", "--approve", "it.approval").stderr == (
            "Error: the approval by alice expired at 2026-11-23 10:00:00 UTC\n"
        )
        assert plans == []

    def test_nobody_has_to_approve(self, project: Project, keys: Path) -> None:
        replace(project, "inventories/lab/hosts.yml", "drill_approvers: approvers\n", "x: y\n")
        for done in (approve(keys), run("run", "bitrot", "--approve", str(project.drills / "bitrot.yml"))):
            assert done.exit_code == 2
        assert approve(keys).stderr == (
            "Error: inventories/lab: drill_approvers: not set, so that nobody has to approve, "
            "and nothing tells who may\n"
        )

    def test_approvers_that_are_not_there(self, project: Project, keys: Path) -> None:
        (project.root / "approvers").unlink()
        assert approve(keys).stderr == (
            f"Error: inventories/lab: drill_approvers: {project.root}/approvers: no such file; "
            "expected OpenSSH's allowed signers\n"
        )

    @pytest.mark.parametrize(
        ("more", "key", "message"),
        [
            ((), "mallory", "approvers does not vouch for alice: "),
            (("--as", "bob"), "bob", "approver: bob runs the drill as well; expected somebody else"),
            (("--as", "-x"), "alice", "--as: '-x': expected a name of letters, digits, and . _ + @ -"),
            (("--for", "bob smith"), "alice", "--for: 'bob smith': expected a name of letters"),
            (("--valid-for", "8d"), "alice", "8d: expected minutes, hours or days, as in 4h; 7d at most"),
            (("--valid-for", "soon"), "alice", "soon: expected minutes, hours or days"),
            (("--out", "drills/bitrot.yml"), "alice", "drills/bitrot.yml: is there already; expected a new file"),
            (("--out", "no/such/folder"), "alice", "no/such/folder: cannot be written: No such file or directory"),
        ],
    )
    def test_bad_input(self, project: Project, keys: Path, more: tuple[str, ...], key: str, message: str) -> None:
        done = approve(keys, *more, key=key)
        assert done.exit_code == 2
        assert message in done.stderr
        assert not (project.root / "it.approval").exists()

    def test_a_no_is_a_no(self, project: Project, keys: Path) -> None:
        assert approve(keys, answer="n\n").exit_code == 2
        assert not (project.root / "it.approval").exists()
        assert approve(keys, "--yes", answer=None).exit_code == 0


def test_the_report_says_who_approved() -> None:
    history = runs.history()
    assert isinstance(history.plan, Plan)
    approved = changed(history.plan, approval=SignedApproval(approval=APPROVAL, signature="s"))
    page = html.render(evaluate(history), (), approved)
    assert "by alice@example.com, for bob, until 2026-11-24 14:00 UTC" in page
    assert "Approved" not in html.render(evaluate(history), (), history.plan)
