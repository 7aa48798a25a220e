"""How a node runs as a container here: found out, not assumed. The Vagrantfile asks for it as JSON.

``python -m kubedrill.local.node_container NETWORK SUBNET`` starts Docker where nothing runs it,
makes the image and the network, and prints ``{"image", "arguments", "command"}`` for `docker run`.
"""

from __future__ import annotations

import ipaddress
import json
import sys
from dataclasses import dataclass
from pathlib import Path

import click

from kubedrill.bundle.cache import cache_root
from kubedrill.bundle.errors import BuildFailed
from kubedrill.bundle.processes import Processes
from kubedrill.local import programs
from kubedrill.local.docker_daemon import ensure_daemon
from kubedrill.local.node_image import DOCKER, LABEL, ensure_image

BUNDLES_ON_NODE = "/opt/kubedrill/bundles"

CAPABILITIES = (
    *(
        "CHOWN",
        "DAC_OVERRIDE",
        "DAC_READ_SEARCH",
        "FOWNER",
        "FSETID",
        "KILL",
        "SETGID",
        "SETUID",
        "SETPCAP",
    ),
    *(
        "LINUX_IMMUTABLE",
        "NET_BIND_SERVICE",
        "NET_BROADCAST",
        "NET_ADMIN",
        "NET_RAW",
        "IPC_LOCK",
        "IPC_OWNER",
    ),
    *(
        "SYS_MODULE",
        "SYS_RAWIO",
        "SYS_CHROOT",
        "SYS_PTRACE",
        "SYS_PACCT",
        "SYS_ADMIN",
        "SYS_BOOT",
        "SYS_NICE",
    ),
    *(
        "SYS_RESOURCE",
        "SYS_TIME",
        "SYS_TTY_CONFIG",
        "MKNOD",
        "LEASE",
        "AUDIT_WRITE",
        "AUDIT_CONTROL",
        "SETFCAP",
    ),
    *("MAC_OVERRIDE", "MAC_ADMIN", "SYSLOG", "WAKE_ALARM", "BLOCK_SUSPEND", "AUDIT_READ"),
)
"""Capabilities in the order of the kernel's bits, 0 to 37 (linux/capability.h); a node needs none
of the later ones, and Docker 20.10 does not know them."""


@dataclass(frozen=True)
class HostFacts:
    """What decides how a node container is run."""

    privileged: bool
    bounding_set: int
    cgroup_version: int


def capability_names(bounding_set: int) -> list[str]:
    """Name the capabilities of a kernel bit mask that a node can use.

    >>> capability_names(0b1000001)
    ['CHOWN', 'SETGID']
    >>> "SYS_RESOURCE" in capability_names(0x1FFFEFFFFFF)
    False
    """
    return [name for bit, name in enumerate(CAPABILITIES) if bounding_set >> bit & 1]


def run_arguments(facts: HostFacts, bundles: Path) -> list[str]:
    """Return the options of `docker run` that make a container a node.

    A host that may not hand out every capability (`--privileged` fails there) gets those it has.
    """
    if facts.privileged:
        power = ["--privileged"]
    else:
        power = [
            "--cap-drop=ALL",
            *(f"--cap-add={name}" for name in capability_names(facts.bounding_set)),
        ]
        power += ["--security-opt=seccomp=unconfined", "--security-opt=apparmor=unconfined"]
        power += ["--device-cgroup-rule=a *:* rwm"]
    return [
        *power,
        "--cgroupns=private",
        "--tmpfs=/run:mode=755",
        "--tmpfs=/tmp:exec,mode=1777",
        "--volume=/var",  # containerd's overlay cannot stand on Docker's
        f"--volume={bundles}:{BUNDLES_ON_NODE}:ro",
        "--stop-signal=SIGRTMIN+3",
        "--env=container=docker",
        f"--label={LABEL}=node",
    ]


def init_command(cgroup_version: int) -> list[str]:
    """Return the node's first process; systemd 256 and later takes cgroup v1 only if forced."""
    boot = ["/usr/local/sbin/kubedrill-node-boot", "/sbin/init"]
    if cgroup_version == 1:
        boot += ["systemd.unified_cgroup_hierarchy=0", "SYSTEMD_CGROUP_ENABLE_LEGACY_FORCE=1"]
    return boot


def find_facts(image: str) -> HostFacts:
    """Ask the daemon for its cgroup version, and try a privileged container rather than guess.

    Raises:
        BuildFailed: the daemon does not answer, or runs no container at all; carries its own words.
    """
    processes = Processes()
    version = processes.run(
        "asking Docker for cgroups", [DOCKER, "info", "--format", "{{.CgroupVersion}}"]
    )
    trial = [DOCKER, "run", "--rm", "--network=none", f"--label={LABEL}=trial"]
    try:
        processes.run("trying a privileged container", [*trial, "--privileged", image, "true"])
        privileged = True
    except BuildFailed:
        processes.run("trying an ordinary container", [*trial, image, "true"])
        privileged = False
    status = dict(
        line.split(":\t", 1) for line in Path("/proc/self/status").read_text().splitlines()
    )
    return HostFacts(privileged, int(status["CapBnd"], 16), int(version))


def ensure_network(name: str, subnet: str) -> None:
    """Make the nodes' bridge network where it is missing.

    Raises:
        BuildFailed: a network of that name has another subnet, another interface of this host has
            the nodes' addresses, or Docker refused; carries its own words.
    """
    processes = Processes()
    template = "{{range .IPAM.Config}}{{.Subnet}} {{end}}"
    try:
        subnets = processes.run(
            "looking for the network", [DOCKER, "network", "inspect", "--format", template, name]
        )
    except BuildFailed:
        label = f"--label={LABEL}=network"
        processes.run(
            f"making network {name}", [DOCKER, "network", "create", label, "--subnet", subnet, name]
        )
        subnets = subnet
    if subnets.split() != [subnet]:
        raise BuildFailed(
            f"the Docker network {name} has {subnets.strip() or 'no subnet'}, the inventory's "
            "cluster_node_network is "
            f"{subnet}: remove that network (docker network rm {name}) or change the inventory"
        )

    bridge = processes.run(
        "asking for its bridge", [DOCKER, "network", "inspect", "--format", "{{.Id}}", name]
    ).strip()
    if others := overlapping(Path("/proc/net/route").read_text(), subnet) - {f"br-{bridge[:12]}"}:
        raise BuildFailed(
            f"the addresses {subnet} of the nodes are also reached through "
            f"{', '.join(sorted(others))} on this host, "
            "so nodes would not be: choose another cluster_node_network in the inventory, or "
            "remove that interface if "
            "nothing uses it (ip link delete NAME)"
        )


def overlapping(routes: str, subnet: str) -> set[str]:
    """Return the interfaces that take packets for (a part of) a subnet, by /proc/net/route.

    Routes of wider networks do not count: the more exact one wins.
    """
    network = ipaddress.IPv4Network(subnet)
    interfaces = set()
    for line in routes.splitlines()[1:]:
        words = line.split()
        address, mask = (ipaddress.IPv4Address(bytes.fromhex(words[n])[::-1]) for n in (1, 7))
        if ipaddress.IPv4Network(f"{address}/{mask}").subnet_of(network):
            interfaces.add(words[0])
    return interfaces


@click.command()
@click.argument("network")
@click.argument("subnet")
def main(network: str, subnet: str) -> None:
    """Prepare this host for node containers and print how to run one."""
    ensure_daemon()
    image = ensure_image()
    ensure_network(network, subnet)
    facts = find_facts(image)
    bundles = cache_root() / "bundles"
    bundles.mkdir(parents=True, exist_ok=True)
    answer = {
        "image": image,
        "arguments": run_arguments(facts, bundles),
        "command": init_command(facts.cgroup_version),
    }
    json.dump(answer, sys.stdout)


if __name__ == "__main__":
    programs.run(main)
