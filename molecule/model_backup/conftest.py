"""How the tests of this scenario reach their hosts."""

from collections.abc import Iterator

import pytest
from asking import RESTORE
from testinfra.host import Host


@pytest.fixture
def as_root(host: Host) -> Iterator[None]:
    """Everything on the host is done as root."""
    with host.sudo():
        yield


@pytest.fixture
def as_root_and_whole_again(as_root: None, host: Host) -> Iterator[None]:  # noqa: ARG001 (for its effect)
    """Whatever was done to the weights, the next test finds them right."""
    yield
    done = host.run(RESTORE)
    assert done.rc == 0, done.stderr
