import json
import multiprocessing
import os
import pwd
import stat
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import NoReturn

import click
import pytest
from click.testing import CliRunner, Result

from drill_runner import who as who_module
from drill_runner.audit import FIRST, append, audit_path, read_audit
from drill_runner.catalog import Project
from drill_runner.cli import main
from drill_runner.cli.audited import audited
from drill_runner.cli.settings import ExitCode
from drill_runner.errors import UsageError
from drill_runner.model.audit import Action, AuditEntry, Who
from drill_runner.who import who
from tests.unit.project_tree import make_project

ACTION = Action(command="run", drill="bitrot", inventory="inventories/lab", hosts=("one",), run_id="r1")
ALICE = Who(user="alice", uid=1000, host="desk")


def entry(number: int = 0) -> AuditEntry:
    return AuditEntry(
        utc="2026-11-24T10:00:00.000+00:00", id=str(number), event="began", who=ALICE, action=ACTION, previous=FIRST
    )


def write(path: Path, *numbers: int) -> None:
    for number in numbers:
        append(path, partial(_follow, entry(number)))


def _follow(made: AuditEntry, previous: str) -> AuditEntry:
    return replace(made, previous=previous)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "state" / "audit.jsonl"


class TestLog:
    def test_lines_follow_on_each_other(self, log: Path) -> None:
        write(log, 1, 2, 3)
        told = read_audit(log)
        assert [made.id for made in told.entries] == ["1", "2", "3"]
        assert told.entries[0].previous == FIRST
        assert told.problems == ()

    def test_it_is_its_owners_alone(self, log: Path) -> None:
        write(log, 1)
        assert stat.S_IMODE(log.stat().st_mode) == 0o600
        assert stat.S_IMODE(log.parent.stat().st_mode) == 0o700

    def test_none_is_empty(self, log: Path) -> None:
        assert read_audit(log) == read_audit(log.with_name("other"))
        assert read_audit(log).last_sha256 == FIRST

    def test_a_changed_line_shows(self, log: Path) -> None:
        write(log, 1, 2, 3)
        log.write_bytes(log.read_bytes().replace(b'"id":"2"', b'"id":"7"'))
        assert read_audit(log).problems == ("line 3 does not follow on line 2: lines were changed or taken out",)

    def test_a_line_that_was_taken_out_shows(self, log: Path) -> None:
        write(log, 1, 2, 3)
        lines = log.read_bytes().splitlines(keepends=True)
        log.write_bytes(lines[0] + lines[2])
        assert read_audit(log).problems == ("line 2 does not follow on line 1: lines were changed or taken out",)
        log.write_bytes(lines[1] + lines[2])
        assert read_audit(log).problems == ("line 1 does not follow on nothing: lines were changed or taken out",)

    def test_a_line_that_was_put_in_shows(self, log: Path) -> None:
        write(log, 1, 2)
        lines = log.read_bytes().splitlines(keepends=True)
        log.write_bytes(lines[0] + lines[0] + lines[1])
        assert read_audit(log).problems == ("line 2 does not follow on line 1: lines were changed or taken out",)

    def test_lines_that_were_cut_off_the_end_show_in_the_last_digest_alone(self, log: Path) -> None:
        write(log, 1, 2)
        kept = read_audit(log).last_sha256
        log.write_bytes(log.read_bytes().splitlines(keepends=True)[0])
        assert read_audit(log).problems == ()
        assert read_audit(log).last_sha256 != kept

    def test_a_writer_that_died_in_its_line_spoils_no_other(self, log: Path) -> None:
        write(log, 1)
        log.write_bytes(log.read_bytes() + b'{"version":1,"utc":"20')
        write(log, 2)
        told = read_audit(log)
        assert [made.id for made in told.entries] == ["1", "2"]
        assert told.problems == ("line 2 is not an entry of version 1: cut off, changed, or newer",)

    def test_a_line_longer_than_what_is_read_at_once(self, log: Path) -> None:
        many = Action(command="run", hosts=tuple(f"host-{number:06}" for number in range(20_000)))
        append(log, partial(_follow, replace(entry(1), action=many)))
        write(log, 2, 3)
        assert read_audit(log).problems == ()
        assert len(read_audit(log).entries) == 3

    def test_writers_at_the_same_time(self, log: Path) -> None:
        log.parent.mkdir()
        with multiprocessing.get_context("spawn").Pool(4) as pool:
            pool.starmap(write, [(log, *range(number, number + 20)) for number in range(0, 80, 20)])
        told = read_audit(log)
        assert sorted(int(made.id) for made in told.entries) == list(range(80))
        assert told.problems == ()

    def test_no_link_leads_elsewhere(self, log: Path, tmp_path: Path) -> None:
        log.parent.mkdir()
        log.symlink_to(tmp_path / "elsewhere")
        with pytest.raises(OSError, match="symbolic links"):
            write(log, 1)

    def test_where_it_is(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
        assert audit_path() == tmp_path / "drill_runner/audit.jsonl"
        for unset in ("", "not/absolute"):
            monkeypatch.setenv("XDG_STATE_HOME", unset)
            assert audit_path() == Path.home() / ".local/state/drill_runner/audit.jsonl"


class TestWho:
    def test_this_process(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("SSH_CONNECTION", "192.0.2.7 50000 192.0.2.1 22")
        monkeypatch.setenv("SUDO_USER", "alice")
        told = who()
        assert (told.user, told.uid) == (pwd.getpwuid(os.getuid()).pw_name, os.getuid())
        assert (told.host, told.ssh_client, told.sudo_user) == (os.uname().nodename, "192.0.2.7", "alice")

    @pytest.mark.parametrize(("text", "uid"), [("1000", 1000), ("4294967295", None), ("x", None), (None, None)])
    def test_who_logged_in(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str | None, uid: int | None
    ) -> None:
        monkeypatch.setattr(who_module, "LOGIN_UID", tmp_path / "loginuid")
        if text is not None:
            (tmp_path / "loginuid").write_text(text)
        assert who().login_uid == uid

    def test_sudo_counts_for_root_alone(self) -> None:
        assert Who(user="root", uid=0, sudo_user="alice", host="desk").name == "alice"
        assert Who(user="root", uid=0, host="desk").name == "root"
        # Anybody can set SUDO_USER to another's name.
        assert Who(user="bob", uid=1001, sudo_user="alice", host="desk").name == "bob"


class TestAudited:
    def test_beginning_and_end(self) -> None:
        with audited(ACTION) as ending:
            assert [made.event for made in read_audit(audit_path()).entries] == ["began"]
            ending.exit_code, ending.verdict = ExitCode.FAILED, "failed"
        began, ended = read_audit(audit_path()).entries
        assert began.id == ended.id
        assert (began.action, began.exit_code) == (ACTION, None)
        assert (ended.event, ended.exit_code, ended.verdict, ended.problem) == ("ended", 1, "failed", None)
        assert began.who == who()

    @pytest.mark.parametrize(
        ("error", "code", "problem"),
        [
            (UsageError("no window"), 2, "no window"),
            (RuntimeError("boom"), 70, "RuntimeError: boom"),
            (KeyboardInterrupt(), 130, None),
            (click.Abort(), 130, None),
        ],
    )
    def test_errors(self, error: BaseException, code: int, problem: str | None) -> None:
        with pytest.raises(type(error)), audited(ACTION):
            raise error
        ended = read_audit(audit_path()).entries[-1]
        assert (ended.exit_code, ended.problem) == (code, problem)

    def test_what_cannot_be_written_down_is_not_done(self, state_home: Path) -> None:
        (state_home / "drill_runner").write_text("a file where the folder should be")
        with pytest.raises(UsageError) as raised, audited(ACTION):
            pytest.fail("it was done")
        assert str(raised.value) == (
            f"{audit_path()}: the audit log cannot be written: File exists; "
            "expected it to be, before any host is touched"
        )

    def test_what_ends_damage_is_done_in_any_case(self, state_home: Path, capsys: pytest.CaptureFixture[str]) -> None:
        (state_home / "drill_runner").write_text("a file where the folder should be")
        done = False
        with audited(ACTION, vital=False):
            done = True
        assert done
        assert "Warning: " in capsys.readouterr().err

    def test_an_end_that_cannot_be_written_down(self, capsys: pytest.CaptureFixture[str]) -> None:
        with audited(ACTION):
            audit_path().unlink()
            audit_path().mkdir()
        assert capsys.readouterr().err == (
            f"Warning: {audit_path()}: the end is not in the audit log: Is a directory\n"
        )


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    made = make_project(tmp_path / "project")
    monkeypatch.chdir(made.root)
    monkeypatch.delenv("ANSIBLE_INVENTORY", raising=False)
    monkeypatch.delenv("DRILL_RUNNER_PROJECT", raising=False)
    return made


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments, prog_name="drill_runner")


def last_two() -> tuple[AuditEntry, AuditEntry]:
    began, ended = read_audit(audit_path()).entries[-2:]
    return began, ended


@pytest.mark.usefixtures("project")
class TestCommands:
    """Each writes down what it does; none of these touches a host."""

    def test_run(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def refuse(*_: object, **__: object) -> NoReturn:
            raise UsageError("another drill is under way")

        monkeypatch.setattr("drill_runner.cli.run.run_drill", refuse)
        assert run("run", "bitrot").exit_code == 2
        began, ended = last_two()
        assert (began.action.command, began.action.drill, began.action.hosts) == ("run", "bitrot", ("one",))
        assert began.action.inventory == "inventories/lab"
        assert str(began.action.run_id).endswith("Z-bitrot")
        assert (ended.exit_code, ended.problem) == (2, "another drill is under way")

    def test_run_touches_nothing_without_a_log(
        self, project: Project, state_home: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (state_home / "drill_runner").write_text("")
        monkeypatch.setattr("drill_runner.cli.run.run_drill", None)
        done = run("run", "bitrot")
        assert (done.exit_code, done.stdout) == (2, "")
        assert "the audit log cannot be written" in done.stderr
        assert not project.runs.exists()

    def test_abort(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("drill_runner.cli.abort.play", lambda *_: ExitCode.FAILED)
        assert run("abort", "--limit", "servers").exit_code == 1
        began, ended = last_two()
        assert (began.action.command, began.action.hosts, ended.exit_code) == ("abort", ("one", "two"), 1)
        audit_path().unlink()
        audit_path().mkdir()
        assert run("abort").exit_code == 1

    @pytest.mark.parametrize("verb", ["up", "down"])
    def test_lab(self, monkeypatch: pytest.MonkeyPatch, verb: str) -> None:
        monkeypatch.setattr("drill_runner.cli.lab.deployed.is_current", lambda *_: False)
        monkeypatch.setattr("drill_runner.cli.lab.deployed.forget", lambda *_: None)
        monkeypatch.setattr("drill_runner.cli.lab.play", lambda *_: ExitCode.FAILED)
        assert run("lab", verb).exit_code == 1
        began, ended = last_two()
        assert (began.action.command, ended.exit_code) == (f"lab {verb}", 1)


@pytest.mark.usefixtures("project")
class TestList:
    def test_for_people(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("COLUMNS", "200")
        with audited(ACTION) as ending:
            ending.verdict = "passed"
        made = read_audit(audit_path()).entries[0]
        append(audit_path(), partial(_follow, entry(9)))
        shown = run("list", "audit")
        assert (shown.exit_code, shown.stderr) == (0, "")
        head, first, second, foot = map(str.rstrip, shown.stdout.splitlines())
        assert head.split() == ["WHEN", "(UTC)", "WHO", "FROM", "WHAT", "ON", "ENDED"]
        assert first.split("  ")[0] == made.utc[:19].replace("T", " ")
        assert first.endswith("passed")
        assert "run r1" in first
        assert "one of inventories/lab" in first
        assert [word for word in second.split("  ") if word][:3] == ["2026-11-24 10:00:00", "alice", "desk"]
        assert second.endswith("not told")
        assert foot.startswith(f"{audit_path()}: 3 lines, the last one's SHA-256 is ")

    def test_for_programs(self) -> None:
        with audited(ACTION):
            pass
        told = json.loads(run("list", "audit", "--json").stdout)
        assert [made["event"] for made in told["entries"]] == ["began", "ended"]
        assert (told["problems"], told["last_sha256"]) == ([], read_audit(audit_path()).last_sha256)

    def test_a_broken_chain_is_told(self) -> None:
        with audited(ACTION):
            pass
        audit_path().write_bytes(audit_path().read_bytes().replace(b'"drill":"bitrot"', b'"drill":"bitrpt"', 1))
        shown = run("list", "audit")
        assert shown.exit_code == 1
        assert shown.stderr == (
            f"Broken: {audit_path()}: line 2 does not follow on line 1: lines were changed or taken out\n"
        )

    def test_none(self) -> None:
        assert run("list", "audit").exit_code == 0
