"""What post-conditions may ask for: the service's endpoint, its golden prompts, the hosts that a drill broke.

A `pytest11` entry point, so that molecule's verifier and `drill_runner` run the same files. It adds one option and
fixtures that nobody who does not name them pays for: everything else is imported when a fixture is first used.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from testinfra.host import Host

    from drill_runner.model.inventory import Endpoint
    from drill_runner.observe.config import ObserverConfig, Prompt

VARIABLE = "drill_endpoint"
FAULT = re.compile(r"/roles/fault_([a-z0-9_]+)/checks/")
HEALTH_CHECK = re.compile(r"[0-9a-f]{64}-[0-9a-f]+\.service")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Offer `--drill-targets`; the inventory is testinfra's `--ansible-inventory`, or Ansible's own choice."""
    group = parser.getgroup("drill_runner")
    group.addoption(
        "--drill-targets",
        metavar="HOST,…",
        help="Hosts that the drill broke: the fixture drill_targets, and where a check that names no hosts runs.",
    )
    group.addoption(
        "--fault-targets",
        metavar="FAULT=HOST,…",
        action="append",
        default=[],
        help="Of these, the hosts that one fault broke: where its own checks run. May be given several times.",
    )


@pytest.hookimpl(tryfirst=True)
def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a check without `testinfra_hosts` on the drill's targets; testinfra would ask the controller instead."""
    named: str | None = metafunc.config.getoption("--drill-targets")
    on_hosts = "_testinfra_host" in metafunc.fixturenames
    if named is not None and on_hosts and not hasattr(metafunc.module, "testinfra_hosts"):
        by_fault = dict(one.partition("=")[::2] for one in metafunc.config.getoption("--fault-targets"))
        fault = FAULT.search(str(metafunc.definition.path))
        hosts = by_fault.get(fault[1], named) if fault else named
        metafunc.module.testinfra_hosts = [f"ansible://{name}" for name in hosts.split(",") if name]


@pytest.fixture
def failed_units(host: Host) -> tuple[str, ...]:
    """The units that systemd calls failed on the host, but for podman's health checks.

    A health check's transient unit fails when its container dies under it or is not ready yet, and says nothing of the
    container that runs now.
    """
    listed = host.run("systemctl --failed --plain --no-legend")
    if listed.rc != 0:
        raise RuntimeError(f"systemctl: {listed.stderr}")
    units = (line.split()[0] for line in listed.stdout.splitlines())
    return tuple(unit for unit in units if not HEALTH_CHECK.fullmatch(unit))


@pytest.fixture(scope="session")
def drill_targets(pytestconfig: pytest.Config) -> tuple[str, ...]:
    """The hosts that the drill broke; none when no drill asked for the check."""
    named: str | None = pytestconfig.getoption("--drill-targets")
    return tuple(name for name in (named or "").split(",") if name)


@pytest.fixture(scope="session")
def drill_endpoint(pytestconfig: pytest.Config) -> Endpoint:
    """The service as a client reaches it, from the inventory's `drill_endpoint`."""
    from pydantic import TypeAdapter  # noqa: PLC0415
    from testinfra.utils.ansible_runner import AnsibleRunner  # noqa: PLC0415

    from drill_runner.model.inventory import Endpoint  # noqa: PLC0415

    # The same object that testinfra's own backend reads: the inventory is listed once for everybody.
    runner = AnsibleRunner.get_runner(pytestconfig.getoption("ansible_inventory", None))
    for host in runner.get_hosts("all"):
        if VARIABLE in (variables := runner.get_variables(host)):
            return TypeAdapter(Endpoint).validate_python(variables[VARIABLE])
    raise LookupError(f"no host of the inventory has the variable {VARIABLE}; set it in group_vars/all")


@pytest.fixture(scope="session")
def drill_golden(drill_endpoint: Endpoint) -> tuple[Prompt, ...]:
    """The prompts with golden answers that the controller keeps."""
    from drill_runner.observe.config import read_golden  # noqa: PLC0415

    if drill_endpoint.golden_file is None:
        raise LookupError(f"{VARIABLE}.golden_file is not set: there is no right answer to compare with")
    return read_golden(_asking(drill_endpoint))


@pytest.fixture(scope="session")
def drill_api_key(drill_endpoint: Endpoint) -> str | None:
    """The service's API key; None for a service without one."""
    from drill_runner.observe.config import read_key  # noqa: PLC0415

    return read_key(_asking(drill_endpoint))


def _asking(endpoint: Endpoint) -> ObserverConfig:
    """What the observer's readers of golden answers and keys want to know."""
    from drill_runner.observe.config import ObserverConfig  # noqa: PLC0415

    return ObserverConfig(
        url=endpoint.url,
        model=endpoint.model,
        api_key_file=endpoint.api_key_file,
        golden_file=endpoint.golden_file,
    )
