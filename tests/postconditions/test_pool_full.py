"""Every inference host of the inventory is up in the load balancer's pool."""

import asyncio

import aiohttp
import pytest
from testinfra.host import Host

from drill_runner.model.inventory import Endpoint
from drill_runner.model.sample import PoolSample
from drill_runner.observe.pool import ask

testinfra_hosts = ["ansible://llm_servers"]


@pytest.fixture(scope="module")
def pool(drill_endpoint: Endpoint) -> PoolSample:
    """One look at HAProxy's statistics."""
    url, backend = drill_endpoint.pool_stats_url, drill_endpoint.pool_backend
    if url is None or backend is None:
        raise LookupError("drill_endpoint.pool_stats_url and .pool_backend are needed to look into the pool")

    async def look() -> PoolSample:
        async with aiohttp.ClientSession() as session:
            return await ask(session, url, backend)

    return asyncio.run(look())


def test_replica_is_up(host: Host, pool: PoolSample) -> None:
    name = host.backend.get_hostname()
    assert pool.servers.get(name, "not in the pool") == "UP", pool.error or f"the pool is {pool.servers}"
