"""The load balancer's configuration, read where kubedrill's roles put it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from kubedrill.cluster.flags import seconds

if TYPE_CHECKING:
    from kubedrill.cluster.hosts import Hosts
    from kubedrill.cluster.inventory import Inventory

KEEPALIVED, HAPROXY = "/etc/keepalived/keepalived.conf", "/etc/haproxy/haproxy.cfg"


@dataclass(frozen=True)
class EndpointFiles:
    """``keepalived``: text by control plane, {} without a virtual address.

    ``haproxy``: "" where it cannot be read.

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


def parse_keepalived(text: str) -> dict[str, float]:
    """advert_int, priority and vrrp_version of keepalived.conf (the first vrrp_instance).

    VRRP version 2, keepalived's default, knows whole seconds only: keepalived rounds, to 1 s at
    least.
    """
    pairs = re.findall(
        r"^\s*(advert_int|priority|vrrp_version)\s+([\d.]+)", _uncommented(text, "#!"), re.MULTILINE
    )
    values = {name: float(value) for name, value in reversed(pairs)}
    if values.get("vrrp_version", 2) == 2 and "advert_int" in values:
        values["advert_int"] = float(max(1, round(values["advert_int"])))
    return values


def parse_vrrp_script(text: str) -> dict[str, float]:
    """interval, timeout and fall of keepalived.conf's first vrrp_script; {} where there is none."""
    block = re.search(
        r"^\s*vrrp_script\s+\S+\s*\{(.*?)\}", _uncommented(text, "#!"), re.MULTILINE | re.DOTALL
    )
    pairs = (
        re.findall(r"^\s*(interval|timeout|fall)\s+([\d.]+)", block.group(1), re.MULTILINE)
        if block
        else []
    )
    return {name: float(value) for name, value in pairs}


def parse_haproxy(text: str) -> dict[str, float]:
    """inter, fall and rise of the servers (or default-server), and ``timeout check``.

    A bare number is milliseconds.
    """
    clean = _uncommented(text, "#")
    values: dict[str, float] = {}
    for line in re.findall(r"^\s*(?:default-server|server)\s.*$", clean, re.MULTILINE):
        for name, value in re.findall(r"\s(inter|fall|rise)\s+(\S+)", line):
            values.setdefault(name, float(value) if name != "inter" else _milliseconds(value))
    check = re.search(r"^\s*timeout\s+check\s+(\S+)", clean, re.MULTILINE)
    if check:
        values["check"] = _milliseconds(check.group(1))
    return values


def node_ports_apart(text: str) -> tuple[str, str]:
    r"""Split haproxy.cfg before the node ports' backend, which only an external balancer has.

    >>> node_ports_apart("backend api-servers\n a\nbackend nodes\n b\n")
    ('backend api-servers\n a\n', 'backend nodes\n b\n')
    """
    backend = re.search(r"^backend nodes\s*$", text, re.MULTILINE)
    return (text[: backend.start()], text[backend.start() :]) if backend else (text, "")


def _milliseconds(text: str) -> float:
    return float(text) / 1000 if text.isdigit() else seconds(text)


def _uncommented(text: str, marks: str) -> str:
    return "\n".join(re.split(f"[{marks}]", line, maxsplit=1)[0] for line in text.splitlines())
