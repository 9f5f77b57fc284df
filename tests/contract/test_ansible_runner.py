"""What execute relies on in ansible-runner and Ansible, with real playbooks on this machine."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from drill_runner.execute import PlaybookRun, run_playbook
from drill_runner.model.fault import Scalar
from tests.waiting import wait_until

pytestmark = pytest.mark.slow  # starts processes and waits for them

CONFIG = """\
[defaults]
inject_facts_as_vars = false
host_key_checking = true
library = modules
"""

LEASE = """\
#!/usr/bin/python
from ansible.module_utils.basic import AnsibleModule
module = AnsibleModule(argument_spec=dict(shown=dict(type="bool", required=True)))
effect = dict(shown=module.params["shown"], evidence="pid 42 is gone", age_min_s=0.0, age_max_s=0.2)
module.exit_json(changed=True, effect=effect)
"""

LEASES = """\
#!/usr/bin/python
from ansible.module_utils.basic import AnsibleModule
module = AnsibleModule(argument_spec=dict(base=dict(type="str", required=True)))
lease = dict(id=module.params["base"], status="held", fault="host_loss", run="x", host="there")
module.exit_json(changed=False, leases=[lease])
"""

FACTS = """\
#!/usr/bin/python
from ansible.module_utils.basic import AnsibleModule
module = AnsibleModule(argument_spec=dict(told=dict(type="raw", required=True)))
module.exit_json(changed=False, ansible_facts=dict(ansible_local=dict(model_backup=module.params["told"])))
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "playbooks").mkdir()
    (tmp_path / "modules").mkdir()
    (tmp_path / "ansible.cfg").write_text(CONFIG)
    (tmp_path / "modules" / "fault_lease.py").write_text(LEASE)
    (tmp_path / "modules" / "fault_lease_info.py").write_text(LEASES)
    (tmp_path / "modules" / "setup.py").write_text(FACTS)
    (tmp_path / "hosts.ini").write_text(
        "here ansible_connection=local ansible_python_interpreter='{{ ansible_playbook_python }}'\n"
    )
    return tmp_path


def play(project: Path, tasks: str, **variables: Scalar) -> PlaybookRun:
    book = f"- hosts: here\n  gather_facts: false\n  tasks:\n{tasks}"
    (project / "playbooks" / "it.yml").write_text(book)
    return run_playbook(
        project, "it", project / "hosts.ini", variables=variables, keep=project / "kept", on_task=lambda _: None
    )


def test_success_and_its_evidence_is_kept(project):
    run = play(project, "  - name: Say\n    ansible.builtin.debug: {msg: '{{ word }}'}\n", word="hello")
    assert (run.status, run.rc, run.failures) == ("successful", 0, ())
    assert run.started < run.ended
    assert "hello" in (project / "kept" / "stdout").read_text()
    assert list((project / "kept" / "job_events").glob("*.json"))


def test_the_caller_s_environment_is_not_kept(project, monkeypatch):
    monkeypatch.setenv("SOME_TOKEN", "s3cret-of-the-caller")
    play(project, "  - name: Say\n    ansible.builtin.debug: {msg: hi}\n")
    kept = [path for path in (project / "kept").rglob("*") if path.is_file()]
    assert kept
    assert not [path for path in kept if "s3cret-of-the-caller" in path.read_text()]


def test_a_failure_names_host_task_and_reason(project):
    run = play(project, "  - name: Break\n    ansible.builtin.fail: {msg: it is too late}\n")
    assert run.status == "failed"
    assert run.rc == 2
    assert run.failures == ("here: Break: it is too late",)


def test_a_command_that_fails_is_quoted(project):
    run = play(project, "  - name: Break\n    ansible.builtin.shell: echo no room >&2; exit 3\n")
    assert run.failures == ("here: Break: non-zero return code: no room",)


def test_a_failure_that_is_ignored_is_none(project):
    run = play(project, "  - name: Try\n    ansible.builtin.fail: {msg: no}\n    ignore_errors: true\n")
    assert run.ok
    assert run.failures == ()


def test_an_unreachable_host_is_a_failure(project):
    (project / "hosts.ini").write_text(
        "here ansible_host=127.0.0.1 ansible_port=1 ansible_ssh_common_args='-o BatchMode=yes'\n"
    )
    run = play(project, "  - name: Ask\n    ansible.builtin.ping:\n")
    assert run.status == "failed"
    assert "Connection refused" in run.failures[0]


def test_a_playbook_that_is_not_there_is_not_a_success(project):
    run = run_playbook(project, "missing", project / "hosts.ini", variables={}, keep=project / "kept")
    assert not run.ok
    assert run.rc != 0
    assert "missing.yml" in run.failures[0]


def test_a_pattern_without_hosts_is_not_a_success(project):
    (project / "playbooks" / "it.yml").write_text("- hosts: nobody\n  gather_facts: false\n  tasks: []\n")
    run = run_playbook(project, "it", project / "hosts.ini", variables={}, keep=project / "kept")
    assert not run.ok


def test_host_keys_are_checked(project):
    setting = "{{ lookup('ansible.builtin.config', 'HOST_KEY_CHECKING') }}"
    play(project, f'  - name: Look\n    ansible.builtin.debug: {{msg: "checked={setting}"}}\n')
    assert "checked=True" in (project / "kept" / "stdout").read_text()


def test_the_effect_is_bounded_by_the_task_that_reported_it(project):
    tasks = (
        "  - name: First\n    ansible.builtin.command: sleep 0.3\n"
        "  - name: Hold\n    fault_lease: {shown: true}\n"
        "  - name: Last\n    ansible.builtin.command: sleep 0.3\n"
    )
    run = play(project, tasks)
    (on,) = run.effects
    assert (on.host, on.effect.shown, on.effect.evidence) == ("here", True, "pid 42 is gone")
    assert run.started + 0.3 <= on.took_hold.lower <= on.took_hold.upper <= run.ended - 0.3


def test_leases_of_a_loop_are_found_each_once(project):
    """`fault_list.yml` asks each machine with power switches so: what is not seen would let a second run begin."""
    asked = "    fault_lease_info: {base: '{{ item }}'}\n    run_once: true\n    loop: [a, b]\n"
    run = play(project, f"  - name: Look\n{asked}  - name: Look again\n    fault_lease_info: {{base: a}}\n")
    assert [(one.host, one.id, one.status, one.fault) for one in run.leases] == [
        ("there", "a", "held", "host_loss"),
        ("there", "b", "held", "host_loss"),
    ]


def test_stop_ends_the_playbook(project):
    (project / "playbooks" / "it.yml").write_text(
        "- hosts: here\n  gather_facts: false\n  tasks:\n  - name: Wait\n    ansible.builtin.command: sleep 60\n"
    )
    seen: list[str] = []
    run = run_playbook(
        project, "it", project / "hosts.ini", variables={}, keep=project / "kept",
        on_task=seen.append, stop=lambda: seen == ["Wait"],
    )  # fmt: skip
    assert run.status == "canceled"
    assert not run.ok
    assert run.failures


def test_events_are_json_with_utc_stamps(project):
    play(project, "  - name: Say\n    ansible.builtin.debug: {msg: hi}\n")
    events = [json.loads(path.read_text()) for path in (project / "kept" / "job_events").glob("*.json")]
    stamps = {event["created"][-6:] for event in events}
    assert stamps == {"+00:00"}


def test_what_hosts_say_of_their_backups(project):
    told = '{weights: {kind: weights, rpo_s: 60, bytes: 5, last_success_utc: "2026-11-24T10:00:00Z", more: 1}}'
    run = play(project, f"  - name: Ask\n    setup: {{told: {told}}}\n")
    (backup,) = run.backups
    assert (backup.host, backup.kind, backup.rpo_s, backup.bytes) == ("here", "weights", 60, 5)
    assert backup.last_success_utc is not None
    assert backup.last_success_utc.isoformat() == "2026-11-24T10:00:00+00:00"


@pytest.mark.parametrize("told", ["{weights: {kind: weights}}", "error loading facts"])
def test_a_fact_that_cannot_be_read_is_a_failure(project, told):
    run = play(project, f"  - name: Ask\n    setup: {{told: {told!r}}}\n".replace("'{", "{").replace("}'", "}"))
    assert run.backups == ()
    assert len(run.failures) == 1
    assert "the local fact model_backup is none of backups" in run.failures[0]


PLAYS_ALONE = """
import sys
from pathlib import Path
from drill_runner.execute import run_playbook
root = Path(sys.argv[1])
run_playbook(root, "it", root / "hosts.ini", variables={})
"""


def ended(pid: int) -> bool:
    """Gone, or dead and not yet collected by whoever adopted it."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def test_a_playbook_ends_with_its_killed_runner(project):
    (project / "plugins").mkdir()
    (project / "plugins" / "callback").symlink_to(Path(__file__).parents[2] / "plugins" / "callback")
    reached, after = project / "reached", project / "after"
    (project / "playbooks" / "it.yml").write_text(f"""\
- hosts: all
  gather_facts: false
  tasks:
  - name: Say which process plays
    ansible.builtin.copy: {{dest: '{reached}', content: '{{{{ lookup("pipe", "ps -o ppid= $PPID") }}}}', mode: '0600'}}
    run_once: true
  - name: Wait
    ansible.builtin.wait_for: {{path: '{project}/never', timeout: 600}}
  - name: Do more
    ansible.builtin.copy: {{dest: '{after}', content: done, mode: '0600'}}
""")
    runner = subprocess.Popen([sys.executable, "-c", PLAYS_ALONE, project])
    try:
        wait_until(reached.exists)
        playbook = int(reached.read_text())
        wait_until(lambda: "wait_for" in processes())
        assert not ended(playbook)
    finally:
        os.kill(runner.pid, signal.SIGKILL)
        runner.wait()
    wait_until(lambda: ended(playbook))
    assert not after.exists()


def processes() -> str:
    return subprocess.run(["ps", "-ww", "-eo", "args"], capture_output=True, text=True, check=True).stdout
