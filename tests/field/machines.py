"""Machines of other people: what each runs, and in what it is unlike the nodes of this project."""

from __future__ import annotations

from dataclasses import dataclass

CLOUD = ("sudo-password", "no-root-login", "time-zone")
"""What the machines have in common with Debian's cloud image."""

READY = (
    *("conntrack", "ethtool", "haproxy", "iptables", "keepalived", "nftables", "openssl"),
    "socat",
)
"""Packages that an administrator installed beforehand."""


@dataclass(frozen=True)
class Machine:
    """One machine.

    ``name`` is the node's in the inventory, ``hostname`` what the machine calls itself. ``traits``
    are scripts of the folder of that name, run in this order. ``variables`` are what its user sets
    for it. One that ``behind`` names is reached only through that one.
    """

    name: str
    group: str
    suite: str
    python: str
    address: str
    hostname: str
    packages: tuple[str, ...] = ()
    traits: tuple[str, ...] = CLOUD
    port: int = 22
    variables: tuple[tuple[str, object], ...] = ()
    behind: str = ""

    @property
    def in_cluster(self) -> bool:
        """Whether it becomes a node."""
        return self.group in {"control_planes", "workers"}

    @property
    def container(self) -> str:
        """Its container's name."""
        return f"field-{self.name}"


_OLD = Machine(
    name="old.lab.example.com",
    group="control_planes",
    suite="bullseye",
    python="3.9",
    address="172.31.79.11",
    hostname="old",
    traits=(*CLOUD, "strict-umask", "foreign-bridge", "dpkg-lock"),
)
_NEW = Machine(
    name="new.lab.example.com",
    group="control_planes",
    suite="trixie",
    python="3.13",
    address="172.31.79.12",
    hostname="new",
    packages=("python3-apt",),
    traits=(*CLOUD, "ssh-port", "foreign-bridge", "dpkg-lock"),
    port=2222,
)
_PROXIED = Machine(
    name="proxied",
    group="control_planes",
    suite="bookworm",
    python="3.11",
    address="172.31.79.13",
    hostname="ip-172-31-79-13",
    packages=(*READY, "ufw"),
    traits=(*CLOUD, "proxy", "missing-locale"),
)
_UFW = Machine(
    name="walled",
    group="workers",
    suite="bookworm",
    python="3.11",
    address="172.31.79.21",
    hostname="walled",
    packages=(*READY, "ufw"),
    traits=(*CLOUD, "ssh-port", "narrow-path", "ufw"),
    port=2222,
)
_FIREWALLD = Machine(
    name="fenced.lab.example.com",
    group="workers",
    suite="trixie",
    python="3.13",
    address="172.31.79.22",
    hostname="fenced.lab.example.com",
    packages=("firewalld", "python3-apt"),
    traits=(*CLOUD, "foreign-bridge", "firewalld"),
)

_BASTION = Machine(
    name="jump",
    group="bastions",
    suite="bookworm",
    python="3.11",
    address="172.31.79.9",
    hostname="jump",
    traits=(*CLOUD, "ssh-port"),
    port=2200,
)
_HIDDEN = Machine(
    name="hidden",
    group="control_planes",
    suite="bookworm",
    python="3.11",
    address="172.31.79.14",
    hostname="hidden",
    packages=READY,
    traits=(*CLOUD, "ssh-port", "only-from-bastion"),
    port=2222,
    behind="jump",
)
_DOCKED = Machine(
    name="docked",
    group="workers",
    suite="bookworm",
    python="3.11",
    address="172.31.79.23",
    hostname="docked",
    packages=(*READY, "docker.io"),
    traits=(*CLOUD, "only-from-bastion", "docker"),
    variables=(("preflight_accept_container_runtime", True),),
    behind="jump",
)

PARKS = {
    "short": (_OLD, _UFW),
    "whole": (_NEW, _OLD, _PROXIED, _UFW, _FIREWALLD),
    "further": (_BASTION, _HIDDEN, _DOCKED),
}
"""``further`` was not run yet: a bastion on another port, a key with a passphrase that only an
agent holds, and a node whose Docker has a container of somebody else."""
