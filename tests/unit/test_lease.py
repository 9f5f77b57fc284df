"""A lease really breaks, holds and undoes something here, by the keeper for machines without systemd."""

import contextlib
import inspect
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from plugins.module_utils import lease_life, lease_process
from plugins.module_utils.lease import Lease, LeaseError, Scripts, Terms, all_leases, describe, uptime_s
from plugins.module_utils.lease_keepers import ProcessKeeper, run
from plugins.module_utils.lease_life import Effect, await_effect, await_end, prove, stage, staged
from tests.waiting import PATIENCE_S, wait_until

pytestmark = pytest.mark.slow  # starts processes and waits for them

SLACK_S = 20.0  # what a busy machine may put between two lines of a test
NEVER_S = 10 * PATIENCE_S  # a limit that ends no lease which something else should have ended
KEEPER = ProcessKeeper(inspect.getsource(lease_process))
TERMS = Terms(run="r", fault="simulated", host="h1", limit_s=NEVER_S, created=time.time(), keeper="process")


def kept(name: str) -> ProcessKeeper:
    """The keeper of the leases here."""
    assert name == TERMS.keeper
    return KEEPER


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    """Exists while the fault is in effect."""
    return tmp_path / "broken"


@pytest.fixture
def scripts(broken: Path) -> Scripts:
    # `undone` counts the undos that really ran.
    return Scripts(
        inject=f"touch {broken}",
        undo=f"rm -f {broken}; echo undone >>{broken.with_name('undone')}",
        proof=f"test -e {broken} && echo broken indeed",
    )


@pytest.fixture
def lease(tmp_path: Path) -> Iterator[Lease]:
    made = Lease(tmp_path / "base", "one")
    yield made
    if made.exists():  # a test failed: end what it has started
        undo = made.folder / "undo"
        undo.write_text("exit 0")
        with contextlib.suppress(LeaseError):
            await_end(made, kept, PATIENCE_S)


def arm(lease: Lease, scripts: Scripts, limit_s: float = NEVER_S, renew_within_s: float = 0.0) -> None:
    terms = replace(TERMS, limit_s=limit_s, renew_within_s=renew_within_s)
    assert lease_life.arm(lease, KEEPER, terms, scripts, env={}, files={}, within_s=PATIENCE_S)


def hold(lease: Lease, within_s: float = PATIENCE_S) -> Effect:
    lease.go()
    return await_effect(lease, within_s)


def arm_and_hold(
    lease: Lease, scripts: Scripts, broken: Path, limit_s: float = NEVER_S, renew_within_s: float = 0.0
) -> int:
    """So many times as long as wanted, on a machine that is too busy to break anything before that has passed."""
    for times in (1, 4, 16):
        arm(lease, scripts, limit_s * times, renew_within_s * times)
        with contextlib.suppress(LeaseError):
            if hold(lease).shown:
                return times
        wait_until(lambda: not lease.exists())
        broken.with_name("undone").unlink(missing_ok=True)
    pytest.fail("it never took hold before its time had passed")


def undos(broken: Path) -> int:
    with contextlib.suppress(FileNotFoundError):
        return len(broken.with_name("undone").read_text().splitlines())
    return 0


def holder(lease: Lease) -> int:
    """The process that `hold` has become."""
    found = subprocess.run(["pgrep", "-f", f"/bin/sh {lease.folder}/hold"], capture_output=True, text=True, check=False)
    if found.stdout:
        return int(found.stdout.split()[0])
    keepers = subprocess.run(
        ["pgrep", "-f", f"{lease.folder}/keeper {lease.folder}"], capture_output=True, text=True, check=True
    )
    children = subprocess.run(["pgrep", "-P", keepers.stdout.split()[0]], capture_output=True, text=True, check=True)
    return int(children.stdout.split()[0])


class TestArming:
    def test_breaks_nothing(self, lease: Lease, scripts: Scripts, broken: Path) -> None:
        arm(lease, scripts)
        assert lease.status() == "armed"
        assert not broken.exists()
        assert prove(lease, 5)[0] is False

    def test_that_has_ended_takes_no_word(self, lease: Lease, scripts: Scripts) -> None:
        arm(lease, scripts)
        await_end(lease, kept, PATIENCE_S)
        with pytest.raises(LeaseError, match=r"lease one has ended .* arm it again"):
            lease.go()

    def test_folder_is_for_root_alone(self, lease: Lease, scripts: Scripts) -> None:
        stage(lease, TERMS, scripts, env={}, files={"password": "s"})
        assert {path: path.stat().st_mode & 0o777 for path in (lease.folder, lease.state)} == {
            lease.folder: 0o700,
            lease.state: 0o700,
        }
        assert (lease.state / "password").stat().st_mode & 0o777 == 0o600

    def test_scripts_find_their_variables(self, lease: Lease, tmp_path: Path) -> None:
        out = tmp_path / "out"
        prepare = f'printf "%s|%s" "$WHAT" "$DRILL_LEASE_STATE" >{out}'
        stage(lease, TERMS, Scripts("", "", "", prepare), env={"WHAT": "it's $HOME; 'x'"}, files={})
        assert out.read_text() == f"it's $HOME; 'x'|{lease.state}"

    def test_failing_prepare_leaves_nothing(self, lease: Lease, scripts: Scripts) -> None:
        with pytest.raises(LeaseError, match="no such engine"):
            arm(lease, replace(scripts, prepare="echo no such engine; exit 1"))
        assert not lease.exists()

    def test_again_is_the_same(self, lease: Lease, scripts: Scripts) -> None:
        arm(lease, scripts)
        assert not lease_life.arm(lease, KEEPER, TERMS, scripts, env={}, files={}, within_s=PATIENCE_S)

    @pytest.mark.parametrize("change", [{"undo": "true"}, {"inject": "true"}, {"proof": "true"}])
    def test_another_lease_does_not_take_its_place(
        self, lease: Lease, scripts: Scripts, change: dict[str, str]
    ) -> None:
        arm(lease, scripts)
        with pytest.raises(LeaseError, match="in use"):
            staged(lease, TERMS, replace(scripts, **change), env={})

    def test_arming_that_was_cut_short_is_done_again(self, lease: Lease, scripts: Scripts) -> None:
        stage(lease, TERMS, scripts, env={}, files={})
        (lease.folder / "lease.json").unlink()
        (lease.folder / "go").touch()
        arm(lease, scripts)
        assert lease.status() == "armed"
        assert not lease.has("go")

    @pytest.mark.parametrize("name", ["", "../x", "a/b", "A", "-a", "a b", "a\n"])
    def test_id_is_no_path(self, tmp_path: Path, name: str) -> None:
        with pytest.raises(LeaseError, match="id"):
            Lease(tmp_path, name)


class TestHolding:
    def test_effect_is_proved_and_bounded(self, lease: Lease, scripts: Scripts, broken: Path) -> None:
        arm(lease, replace(scripts, inject=f"sleep 0.3; touch {broken}"))
        before = time.monotonic()
        effect = hold(lease)
        elapsed = time.monotonic() - before
        assert (effect.shown, effect.evidence) == (True, "broken indeed")
        assert lease.status() == "held"
        # It took hold 0.3 s after inject was started, and nobody has waited since before that.
        assert 0 <= effect.age_min_s <= effect.age_max_s - 0.29  # its clock has steps of 0.01 s
        assert effect.age_max_s <= elapsed + 0.02  # two readings of a clock of 0.01 s

    def test_no_effect_is_said(self, lease: Lease, scripts: Scripts) -> None:
        arm(lease, replace(scripts, inject="true"))
        lease.go()
        wait_until(lease.began)
        effect = await_effect(lease, 0.3)
        assert (effect.shown, effect.age_min_s) == (False, 0.0)
        assert effect.age_max_s > 0.29  # its clock has steps of 0.01 s

    def test_inject_that_fails_after_its_effect_is_undone(self, lease: Lease, scripts: Scripts, broken: Path) -> None:
        arm(lease, replace(scripts, inject=f"touch {broken}; sleep 0.3; echo out of luck; exit 3"))
        with pytest.raises(LeaseError, match="out of luck"):
            hold(lease)
        wait_until(lambda: not lease.exists())
        assert undos(broken) == 1

    def test_lease_that_has_ended_never_breaks_again(self, lease: Lease, scripts: Scripts, broken: Path) -> None:
        terms = replace(TERMS, limit_s=5)  # one that breaks again ends, too
        stage(lease, terms, scripts, env={}, files={})  # with no keeper, which would clean up meanwhile
        assert run("/bin/sh", str(lease.folder / "end")).returncode == 0
        lease.go()
        assert run("/bin/sh", str(lease.folder / "hold")).returncode == 1
        assert not broken.exists()

    @pytest.mark.parametrize("through", ["end", "clean"])
    def test_lease_that_ends_while_it_waits_for_the_word_is_not_held_any_longer(
        self, lease: Lease, scripts: Scripts, through: str
    ) -> None:
        stage(lease, TERMS, scripts, env={}, files={})
        with subprocess.Popen(["/bin/sh", lease.folder / "hold"]) as waiting:
            wait_until(lambda: Path(f"/proc/{waiting.pid}/cwd").readlink() == lease.folder)
            if through == "end":
                assert run("/bin/sh", str(lease.folder / "end")).returncode == 0
            else:
                shutil.rmtree(lease.folder)
            try:
                assert waiting.wait(PATIENCE_S) == 1
            finally:
                waiting.kill()


class TestEnding:
    def test_on_request(self, lease: Lease, scripts: Scripts, broken: Path) -> None:
        arm(lease, scripts)
        hold(lease)
        assert broken.exists()
        await_end(lease, kept, PATIENCE_S)
        assert not broken.exists()
        assert not lease.exists()
        assert undos(broken) == 1

    def test_before_it_began(self, lease: Lease, scripts: Scripts, broken: Path) -> None:
        arm(lease, scripts)
        await_end(lease, kept, PATIENCE_S)
        assert not lease.exists()
        assert undos(broken) == 0

    def test_when_the_limit_passes(self, lease: Lease, scripts: Scripts, broken: Path) -> None:
        arm_and_hold(lease, scripts, broken, limit_s=0.5)
        wait_until(lambda: not lease.exists())
        assert not broken.exists()
        assert undos(broken) == 1

    def test_when_it_is_armed_and_nobody_says_the_word(self, lease: Lease, scripts: Scripts, broken: Path) -> None:
        arm(lease, scripts, limit_s=0.5)
        wait_until(lambda: not lease.exists())
        assert undos(broken) == 0

    @pytest.mark.parametrize("held", [False, True])
    def test_when_nobody_renews_it(self, lease: Lease, scripts: Scripts, broken: Path, *, held: bool) -> None:
        if held:
            arm_and_hold(lease, scripts, broken, renew_within_s=0.5)
        else:
            arm(lease, scripts, renew_within_s=0.5)
        wait_until(lambda: not lease.exists())
        assert not broken.exists()
        assert undos(broken) == int(held)

    def test_not_while_it_is_renewed(self, lease: Lease, scripts: Scripts, broken: Path) -> None:
        period = float(arm_and_hold(lease, scripts, broken, renew_within_s=3.0))
        began = time.monotonic()
        while time.monotonic() - began < 2.5 * period:
            assert lease.renew()
            assert broken.exists()
            time.sleep(0.05)
        wait_until(lambda: not lease.exists())
        assert time.monotonic() - began > 3.4 * period
        assert not lease.renew()

    def test_by_when_whoever_renewed_it_was_there_for_sure(self, lease: Lease, scripts: Scripts) -> None:
        stage(lease, replace(TERMS, renew_within_s=100), scripts, env={}, files={}, alive=uptime_s() - 40)
        assert lease.until() == pytest.approx((uptime_s() + 60) * 100, abs=SLACK_S * 100)
        assert lease.renew(uptime_s() - 70)
        assert lease.until() < (uptime_s() + 61) * 100, "half a period is left: less than it has"
        assert lease.renew()
        assert lease.until() > (uptime_s() + 99 - SLACK_S) * 100
        later = lease.until()
        assert lease.renew(uptime_s() - 40)
        assert lease.until() == later, "a late renewal takes nothing away"

    def test_with_half_a_period_after_a_long_arming(self, lease: Lease, scripts: Scripts) -> None:
        stage(lease, replace(TERMS, renew_within_s=200), scripts, env={}, files={}, alive=0.0)
        assert lease.until() == pytest.approx((uptime_s() + 100) * 100, abs=SLACK_S * 100)

    def test_at_its_limit_though_it_is_renewed(self, lease: Lease, scripts: Scripts, broken: Path) -> None:
        arm_and_hold(lease, scripts, broken, limit_s=1.0, renew_within_s=NEVER_S)
        wait_until(lambda: not lease.renew())
        wait_until(lambda: not lease.exists())
        assert undos(broken) == 1

    def test_while_inject_hangs_and_nobody_renews_it(self, lease: Lease, scripts: Scripts, broken: Path) -> None:
        arm(lease, replace(scripts, inject=f"touch {broken}; trap '' TERM; sleep 600"), renew_within_s=5)
        lease.go()
        wait_until(lambda: lease.renew() and broken.exists())
        wait_until(lambda: not lease.exists())
        assert undos(broken) == 1

    def test_when_the_holder_is_killed(self, lease: Lease, scripts: Scripts, broken: Path) -> None:
        arm(lease, scripts)
        hold(lease)
        os.kill(holder(lease), signal.SIGKILL)
        wait_until(lambda: not lease.exists())
        assert not broken.exists()
        assert undos(broken) == 1

    def test_while_inject_hangs(self, lease: Lease, scripts: Scripts, broken: Path) -> None:
        arm(lease, replace(scripts, inject=f"touch {broken}; trap '' TERM; sleep 600"))
        assert hold(lease, within_s=0.3).shown is False
        wait_until(broken.exists)
        await_end(lease, kept, PATIENCE_S)
        assert not broken.exists()

    def test_while_it_is_being_armed(self, lease: Lease, scripts: Scripts, broken: Path) -> None:
        preparing, go_on = broken.with_name("preparing"), broken.with_name("go_on")
        slow = replace(scripts, prepare=f"touch {preparing}; while [ ! -e {go_on} ]; do sleep 0.01; done")
        with ThreadPoolExecutor() as pool:
            armed = pool.submit(arm, lease, slow)
            wait_until(preparing.exists)
            ended = pool.submit(await_end, lease, kept, PATIENCE_S)
            wait_until(lambda: ended.running() or ended.done())
            with pytest.raises(TimeoutError):  # it does not end what is not there yet
                ended.result(0.2)
            go_on.touch()
            armed.result()
            ended.result()
        assert not lease.exists()
        # The keeper itself ends a moment after it has removed the folder.
        wait_until(lambda: not run("pgrep", "-f", f"{lease.folder}/").stdout)
        assert undos(broken) == 0

    def test_undo_is_retried_until_it_works(self, lease: Lease, scripts: Scripts, broken: Path) -> None:
        allowed = broken.with_name("allowed")
        arm(lease, replace(scripts, undo=f"test -e {allowed} || {{ echo disk full; exit 1; }}\n{scripts.undo}"))
        hold(lease)
        with pytest.raises(LeaseError, match="has not succeeded"):
            await_end(lease, kept, 0.5)
        wait_until(lambda: "disk full" in lease.said())
        with pytest.raises(LeaseError, match="disk full"):
            await_end(lease, kept, 0.5)
        assert broken.exists()
        assert lease.status() == "ending"
        allowed.touch()
        wait_until(lambda: not lease.exists())
        assert not broken.exists()
        assert undos(broken) == 1

    def test_though_the_keeper_was_killed(self, lease: Lease, scripts: Scripts, broken: Path) -> None:
        arm(lease, scripts)
        hold(lease)
        sleeper = holder(lease)
        keepers = run("pgrep", "-f", f"{lease.folder}/keeper {lease.folder}").stdout.split()
        os.kill(int(keepers[0]), signal.SIGKILL)
        wait_until(lambda: not KEEPER.alive(lease))
        assert broken.exists()  # nobody is there to undo it: the README says so
        await_end(lease, kept, PATIENCE_S)
        assert not broken.exists()
        with contextlib.suppress(ProcessLookupError):
            os.kill(sleeper, signal.SIGKILL)


def test_the_death_of_who_started_it_changes_nothing(lease: Lease, scripts: Scripts, broken: Path) -> None:
    """The controller, SIGKILLed with all its process group while the fault holds."""
    stage(lease, replace(TERMS, limit_s=8), scripts, env={}, files={})
    KEEPER.install(lease)
    controller = f"""
import sys, time
sys.path.insert(0, {str(Path.cwd())!r})
from pathlib import Path
from plugins.module_utils.lease import Lease
from plugins.module_utils.lease_keepers import ProcessKeeper
lease = Lease(Path({str(lease.base)!r}), {lease.id!r})
ProcessKeeper("").start(lease)
lease.go()
time.sleep(600)
"""
    started = subprocess.Popen([sys.executable, "-c", controller], start_new_session=True)
    wait_until(broken.exists)
    os.killpg(started.pid, signal.SIGKILL)
    started.wait()
    assert broken.exists()
    wait_until(lambda: not lease.exists())
    assert not broken.exists()
    assert undos(broken) == 1


class TestListing:
    def test_every_lease_with_its_age(self, lease: Lease, scripts: Scripts) -> None:
        stage(lease, replace(TERMS, created=time.time() - 100), scripts, env={}, files={})
        (found,) = map(describe, all_leases(lease.base))
        assert {key: found[key] for key in ("id", "status", "run", "fault", "host", "keeper")} == {
            "id": "one",
            "status": "armed",
            "run": "r",
            "fault": "simulated",
            "host": "h1",
            "keeper": "process",
        }
        assert 100 <= float(str(found["age_s"])) < 100 + SLACK_S

    def test_of_one_host(self, lease: Lease, scripts: Scripts) -> None:
        stage(lease, TERMS, scripts, env={}, files={})
        assert [one.id for one in all_leases(lease.base, "h1")] == ["one"]
        assert list(all_leases(lease.base, "h2")) == []

    def test_one_whose_arming_was_cut_short(self, lease: Lease, scripts: Scripts) -> None:
        """By a SIGKILL or a power cut: whoever reverts the host's faults must find it, also on another machine."""
        stage(lease, TERMS, scripts, env={}, files={})
        (lease.folder / "lease.json").unlink()
        assert list(all_leases(lease.base, "h2")) == []
        (found,) = all_leases(lease.base, "h1")
        assert describe(found) == {
            "id": "one", "status": "armed", "age_s": None, "log": "", "fault": "", "run": "", "host": "h1",
        }  # fmt: skip
        await_end(found, kept, PATIENCE_S)
        assert not lease.exists()

    def test_of_nothing(self, tmp_path: Path) -> None:
        assert list(all_leases(tmp_path / "none")) == []
