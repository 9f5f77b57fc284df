"""Where a drill takes place: what the Ansible inventory says, as far as a drill needs it."""

from typing import Annotated

from pydantic import Field, PlainSerializer

from drill_runner.model.base import data


@data
class Endpoint:
    """The service as a client reaches it: the inventory's `drill_endpoint`."""

    url: str = Field(pattern=r"^https?://[^/{}]+(/[^{}]*)?$")
    """Base of an OpenAI-compatible API, without `/v1`."""
    model: str = Field(min_length=1)
    api_key_file: str | None = None
    """File that holds the service's API key; `~` is expanded. The key itself is never written anywhere by a run."""
    pool_stats_url: str | None = Field(default=None, pattern=r"^https?://[^{}]+$")
    """HAProxy's statistics as CSV, of the load balancer in front of the replicas."""
    pool_backend: str | None = None
    """HAProxy's name of the backend whose servers are the replicas; a server is named as its inventory host."""
    alertmanager_url: str | None = Field(default=None, pattern=r"^https?://[^{}@?#]+$")
    """Alertmanager's base, without `/api/v2`. No user and password in it: a run's folder quotes it."""
    golden_file: str | None = None
    """JSON written at deploy: prompts with the answers that this engine, version and quantisation gives."""


@data
class Host:
    """One inventory host."""

    name: str
    groups: Annotated[frozenset[str], PlainSerializer(sorted, return_type=list[str])] = frozenset()
    drill_allowed: bool = False
    """Nothing is ever injected into a host that does not say so itself."""
    drill_windows: tuple[str, ...] = ()
    """When it may be broken, as `model.window` reads it; none: always."""


@data
class Inventory:
    """Every host, and the endpoint in front of them."""

    source: str
    hosts: tuple[Host, ...]
    endpoint: Endpoint
    drill_approvers: str | None = None
    """OpenSSH's file of allowed signers: who may approve drills. None: nobody has to."""

    def host(self, name: str) -> Host:
        """The host called `name`; KeyError if there is none."""
        for host in self.hosts:
            if host.name == name:
                return host
        raise KeyError(name)

    def group(self, name: str) -> tuple[Host, ...]:
        """The hosts of a group, in the inventory's order."""
        return tuple(host for host in self.hosts if name in host.groups)
