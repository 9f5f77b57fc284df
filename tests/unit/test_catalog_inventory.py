from pathlib import Path

import pytest

from drill_runner.catalog import Project, load_inventory, match_hosts
from drill_runner.errors import UsageError
from drill_runner.model.inventory import Endpoint, Host
from tests.unit.project_tree import make_project, replace, write

pytestmark = pytest.mark.slow  # starts processes and waits for them

HOSTS = "inventories/lab/hosts.yml"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return make_project(tmp_path / "project")


def refusal(project: Project, source: Path | None = None) -> str:
    with pytest.raises(UsageError) as raised:
        load_inventory(project, source or project.lab_inventory)
    return str(raised.value)


def test_hosts_groups_and_endpoint(project: Project) -> None:
    inventory = load_inventory(project, project.lab_inventory)
    assert inventory.source == str(project.lab_inventory)
    assert inventory.endpoint == Endpoint(url="http://127.0.0.1:8000", model="tiny")
    assert sorted(inventory.hosts, key=lambda host: host.name) == [
        Host(name="one", groups=frozenset({"all", "servers"}), drill_allowed=True),
        Host(name="store", groups=frozenset({"all", "others"}), drill_allowed=True),
        Host(name="two", groups=frozenset({"all", "servers"}), drill_allowed=True),
    ]
    assert [host.name for host in inventory.group("servers")] == ["one", "two"]


def test_a_host_is_in_the_groups_around_its_group(project: Project) -> None:
    replace(project, HOSTS, "servers:\n", "site:\n      children:\n        servers:\n")
    replace(project, HOSTS, "      hosts:\n        one:", "          hosts:\n            one:")
    replace(project, HOSTS, "        two:", "            two:")
    assert load_inventory(project, project.lab_inventory).host("two").groups == {"all", "servers", "site"}


def test_without_drill_allowed_nothing_is_allowed(project: Project) -> None:
    replace(project, HOSTS, "drill_allowed: true\n", "drill_other: true\n")
    assert not any(host.drill_allowed for host in load_inventory(project, project.lab_inventory).hosts)


def test_windows_are_each_hosts_own(project: Project) -> None:
    replace(project, HOSTS, "two: {", 'two: {drill_windows: ["Sat 09:00-12:00 UTC"], ')
    inventory = load_inventory(project, project.lab_inventory)
    assert inventory.host("two").drill_windows == ("Sat 09:00-12:00 UTC",)
    assert inventory.host("one").drill_windows == ()


def test_approvers_are_asked_for_all_hosts_if_for_one(project: Project) -> None:
    assert load_inventory(project, project.lab_inventory).drill_approvers is None
    replace(project, HOSTS, "two: {", "two: {drill_approvers: /etc/approvers, ")
    assert load_inventory(project, project.lab_inventory).drill_approvers == "/etc/approvers"
    replace(project, HOSTS, "one: {", "one: {drill_approvers: /tmp/approvers, ")
    assert refusal(project) in {
        f"inventories/lab: drill_approvers: {pair} disagree; expected one for all hosts"
        for pair in ("one and two", "two and one")
    }


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "two: {",
            "two: {drill_windows: [Mon-Fri 09:00-16:30], ",
            (
                "inventories/lab: drill_windows[0] of two: must be days, hours and a time zone, as in "
                '"Mon-Fri 09:00-16:30 Europe/Berlin", '
                "not 'Mon-Fri 09:00-16:30'"
            ),
        ),
        (
            "two: {",
            "two: {drill_windows: [], ",
            (
                'inventories/lab: drill_windows of two: must be a list, as in ["Mon-Fri 09:00-16:30 Europe/Berlin"], '
                "not []; leave it out to allow drills at any time"
            ),
        ),
        (
            "two: {",
            "two: {drill_windows: always, ",
            (
                'inventories/lab: drill_windows of two: must be a list, as in ["Mon-Fri 09:00-16:30 Europe/Berlin"], '
                "not 'always'; leave it out to allow drills at any time"
            ),
        ),
        (
            "two: {",
            'two: {drill_approvers: "{{ inventory_dir }}/approvers", ',
            (
                "inventories/lab: drill_approvers: must be the path of a file of OpenSSH's allowed signers, without "
                "templates, not '{{ inventory_dir }}/approvers'"
            ),
        ),
        (
            "drill_allowed: true",
            'drill_allowed: "true"',
            (
                "inventories/lab: drill_allowed of one: must be true or false, not 'true' "
                "(in an INI inventory: True or False)"
            ),
        ),
        (
            "drill_endpoint:",
            "drill_endpiont:",
            "inventories/lab: drill_endpoint: missing; expected a mapping with url and model in group_vars/all",
        ),
        (
            "model: tiny",
            'model: "{{ model_name }}"',
            "inventories/lab: drill_endpoint.model: must be a plain value, not a template: '{{ model_name }}'",
        ),
        (
            "model: tiny",
            "models: tiny",
            (
                "inventories/lab: drill_endpoint.models: unknown key; expected one of alertmanager_url, "
                "api_key_file, golden_file, model, pool_backend, pool_stats_url, url (did you mean model?) (and 1 more)"
            ),
        ),
        (
            "http://127",
            "ftp://127",
            (
                "inventories/lab: drill_endpoint.url: must match pattern '^https?://[^/{}]+(/[^{}]*)?$', "
                "not 'ftp://127.0.0.1:8000'"
            ),
        ),
        (
            "two: {",
            "two: {drill_endpoint: {url: http://other, model: tiny}, ",
            "inventories/lab: drill_endpoint: one and two disagree; expected one for all hosts",
        ),
    ],
)
def test_what_is_wrong_is_named(project: Project, old: str, new: str, message: str) -> None:
    replace(project, HOSTS, old, new)
    assert refusal(project) in {message, message.replace("one and two", "two and one")}


def test_an_inventory_that_is_not_there(project: Project) -> None:
    assert refusal(project, project.root / "inventories/prod") == (
        "inventories/prod: no such inventory; expected a file or a folder"
    )


def test_an_inventory_that_ansible_cannot_read(project: Project) -> None:
    write(project.root / HOSTS, "all: [broken\n")
    message = refusal(project)
    assert message.startswith("inventories/lab: ansible-inventory cannot read it: ")
    assert "\n" not in message
    assert "hosts.yml" in message


def test_an_inventory_without_hosts(project: Project) -> None:
    write(project.root / HOSTS, "all: {children: {servers: {}}}\n")
    assert refusal(project) == "inventories/lab: no hosts in this inventory"


@pytest.mark.parametrize(
    ("pattern", "hosts"),
    [
        ("servers", ("one", "two")),
        ("servers[1]", ("two",)),
        ("servers:store:!two", ("one", "store")),
        ("nope", ()),
        ("servers[7]", ()),
        ("-v", ()),
    ],
)
def test_patterns(project: Project, pattern: str, hosts: tuple[str, ...]) -> None:
    assert match_hosts(project, project.lab_inventory, pattern) == hosts
