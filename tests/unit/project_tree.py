"""Small projects made of files, for tests of what reads them."""

from pathlib import Path
from textwrap import dedent

from drill_runner.catalog import Project

FILES = {
    "roles/fault_flip/meta/fault.yml": """\
        summary: Flips bits.
        fidelity: real
        target_group: servers
        """,
    "roles/fault_flip/meta/argument_specs.yml": """\
        argument_specs:
          inject:
            short_description: Flip bits
            options:
              fault_lease_id: {type: str, required: true, description: The lease.}
              fault_flip_bytes: {type: int, description: [How many., In bytes.]}
              fault_flip_mode: {type: str, choices: [zero, random], default: zero, description: What to write.}
              fault_flip_share: {type: float, description: Share of the file.}
              fault_flip_quiet: {type: bool, description: Say nothing.}
              fault_flip_file: {type: path, default: "{{ model_dir }}/x", description: Which file.}
          revert: {}
        """,
    "roles/fault_flip/defaults/main.yml": "fault_flip_bytes: 4096\nfault_flip_share: 0.5\nfault_flip_quiet: false\n",
    "roles/fault_flip/checks/test_flipped.py": "",
    "roles/fault_stop/meta/fault.yml": """\
        summary: Stops the engine.
        fidelity: faithful
        target_group: servers
        time_limit_s: 60
        """,
    "roles/fault_stop/meta/argument_specs.yml": """\
        argument_specs:
          inject:
            options:
              fault_stop_signal: {type: str, required: true, description: Which signal.}
        """,
    "tests/postconditions/test_endpoint.py": "",
    "tests/postconditions/test_pool_full.py": "",
    "playbooks/recover_host.yml": "",
    "drills/bitrot.yml": """\
        summary: Bits rot.
        faults:
          - fault: flip
            targets: servers[0]
            params: {bytes: 1, mode: random}
        steady_state: [endpoint]
        recovery: {playbook: recover_host}
        postconditions: [endpoint, flipped]
        """,
    "inventories/lab/hosts.yml": """\
        all:
          vars:
            drill_endpoint: {url: "http://127.0.0.1:8000", model: tiny}
            drill_allowed: true
          children:
            servers:
              hosts:
                one: {ansible_connection: local}
                two: {ansible_connection: local}
            others:
              hosts:
                store: {ansible_connection: local}
        """,
    "ansible.cfg": "[defaults]\nroles_path = roles\n[inventory]\nunparsed_is_failed = true\n",
}


def make_project(root: Path) -> Project:
    """A project in which everything is in order."""
    for path, text in FILES.items():
        write(root / path, text)
    return Project(root=root)


def write(path: Path, text: str) -> Path:
    """Write a file and its folders."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(dedent(text), encoding="utf-8")
    return path


def replace(project: Project, path: str, old: str, new: str) -> None:
    """Change a file of the project; the old text must be there."""
    file = project.root / path
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new), encoding="utf-8")
