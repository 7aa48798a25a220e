"""The load balancer's configuration, read where kubedrill's roles put it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kubedrill.cluster.hosts import Hosts
    from kubedrill.cluster.inventory import Inventory

KEEPALIVED, HAPROXY = "/etc/keepalived/keepalived.conf", "/etc/haproxy/haproxy.cfg"


@dataclass(frozen=True)
class EndpointFiles:
    """``keepalived``: text by control plane, {} without a virtual address.

    ``haproxy``: "" where nobody can read it.

    ``where`` names the balancer's file for people, or says that there is none to read.
    """

    haproxy: str = ""
    keepalived: dict[str, str] = field(default_factory=dict)
    where: str = "haproxy.cfg"

    @property
    def check(self) -> str:
        """The first keepalived.conf, for what is the same in all of them."""
        return next(iter(self.keepalived.values()), "")


def read_endpoint(hosts: Hosts, inventory: Inventory) -> EndpointFiles:
    """Read the files: on the control planes, or on the host of load_balancers.

    A balancer that is not in the inventory cannot be read: its timers are then haproxy's defaults,
    and say so.

    Raises:
        KubedrillError: a host does not answer or has no such file.
    """
    if not inventory.external:
        planes = [node.name for node in inventory.control_planes]
        keepalived = {name: hosts.read(name, ["cat", KEEPALIVED]).stdout for name in planes}
        return EndpointFiles(hosts.read(planes[0], ["cat", HAPROXY]).stdout, keepalived)
    for balancer in inventory.load_balancers:
        return EndpointFiles(
            hosts.read(balancer.name, ["cat", HAPROXY]).stdout,
            where=f"haproxy.cfg of {balancer.name}",
        )
    return EndpointFiles(where="the balancer, which is not in the inventory,")
