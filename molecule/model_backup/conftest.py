"""How the tests of this scenario reach their hosts."""

from collections.abc import Iterator

import pytest
from testinfra.host import Host


@pytest.fixture
def as_root(host: Host) -> Iterator[None]:
    """Everything on the host is done as root."""
    with host.sudo():
        yield
