"""A cell's cluster: its inventory, and how it is taken away, however much of it there is."""

from __future__ import annotations

import ipaddress
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import yaml

from ansible_collections.kubedrill.kubeadm.plugins.module_utils.inventory_endpoint import (
    ADDRESSES,
    BALANCERS,
    EXTERNAL,
    VIRTUAL,
)
from kubedrill.base.errors import StepFailed
from kubedrill.base.project import state_folder
from kubedrill.local.docker_daemon import daemon_problem
from kubedrill.local.node_container import overlapping
from kubedrill.local.node_image import DOCKER
from kubedrill.local.unfreeze import unfreeze
from kubedrill.nightly.parts import run_part
from kubedrill.nightly.state import write_whole

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from kubedrill.nightly.parts import Ended
    from kubedrill.nightly.state import Cell

_PLANE_MB, _WORKER_MB, _BALANCER_MB, _CPUS = 3072, 2048, 512, 2
"""Sizes of virtual machines, as in inventories/local; containers share their host."""
_SHARES = 1365
"""Weight of a container that the API goes through, a third more than Docker's 1024, as in
inventories/local."""
_SSH = "-o StrictHostKeyChecking=yes -o IdentitiesOnly=yes"
_ENDPOINT, _PLANES_FROM, _WORKERS_FROM = 10, 11, 21
"""Last byte of the API's address (virtual, or the load balancer's own), of the first control plane
and of the first worker, as in inventories/local."""
_DOCKER_S = 120
"""Seconds for one command of docker: removing a node with its volumes takes some."""


def free_network(preferred: str, taken: set[str], routes: str) -> str:
    """Choose a /24 that no kept cluster and no interface of this host has.

    >>> free_network("172.31.96.0/20", {"172.31.96.0/24"}, "Iface ...")
    '172.31.97.0/24'

    Raises:
        StepFailed: all are taken.
    """
    for network in ipaddress.IPv4Network(preferred).subnets(new_prefix=24):
        if str(network) not in taken and not overlapping(routes, str(network)):
            return str(network)
    raise StepFailed(
        f"every network of {preferred} is in use, by clusters that were kept "
        f"({', '.join(sorted(taken)) or 'none'}) or by "
        "interfaces of this host: take kept clusters away (kubedrill nightly --clean), or give the "
        "plan other networks"
    )


def secrets_folder(cluster: str) -> Path:
    """Where the Vagrantfile puts the keys of a cluster's nodes."""
    return state_folder() / ".vagrant" / cluster


def write_inventory(folder: Path, cell: Cell, cluster: str, network: str) -> Path:
    """Write hosts.yml and group_vars for the cell's first version; returns the inventory's folder.

    Where there is one worker only, control planes take pods too: a drained node's pods need
    somewhere to go.
    """
    first = ipaddress.IPv4Network(network).network_address
    planes = _hosts("cp", cell.planes, int(first) + _PLANES_FROM, cluster)
    workers = _hosts("w", cell.workers, int(first) + _WORKERS_FROM, cluster)
    shares = {"container_cpu_shares": _SHARES}
    groups = {
        "control_planes": _group(planes, _PLANE_MB, _CPUS, shares),
        "workers": _group(workers, _WORKER_MB, _CPUS),
    }
    topology: dict[str, Any] = {"cluster": {"children": groups}}
    known_hosts = secrets_folder(cluster) / "known_hosts"
    reached: dict[str, Any] = {
        "ansible_user": "vagrant",
        "ansible_become": True,
        "ansible_ssh_common_args": f"-o UserKnownHostsFile={known_hosts} {_SSH}",
    }
    kind = EXTERNAL if cell.balancer else VIRTUAL
    variables: dict[str, Any] = {
        **reached,
        "cluster_name": cluster,
        "cluster_kubernetes_version": cell.versions[0],
        "cluster_endpoint_kind": kind,
        ADDRESSES[kind]: str(first + _ENDPOINT),
        "cluster_node_network": network,
        "control_plane_takes_pods": cell.workers == 1,
        "drills_allowed": True,
    }
    inventory = folder / "inventory"
    if cell.balancer:
        balancers = _hosts("lb", 1, int(first) + _ENDPOINT, cluster)
        topology[BALANCERS] = _group(balancers, _BALANCER_MB, 1, shares)
        _write(inventory / "group_vars" / f"{BALANCERS}.yml", reached)
    _write(inventory / "group_vars" / "cluster.yml", variables)
    _write(inventory / "hosts.yml", topology)
    return inventory


def _write(path: Path, data: dict[str, Any]) -> None:
    write_whole(path, yaml.safe_dump(data, sort_keys=False))


def _group(
    hosts: dict[str, Any], memory_mb: int, cpus: int, more: dict[str, int] | None = None
) -> dict[str, Any]:
    return {"hosts": hosts, "vars": {"vm_memory_mb": memory_mb, "vm_cpus": cpus, **(more or {})}}


def _hosts(prefix: str, count: int, first: int, cluster: str) -> dict[str, dict[str, str]]:
    return {
        f"{prefix}{number + 1}": {
            "ansible_host": str(ipaddress.IPv4Address(first + number)),
            "ansible_ssh_private_key_file": str(
                secrets_folder(cluster) / f"{prefix}{number + 1}.key"
            ),
        }
        for number in range(count)
    }


def take_away(  # noqa: PLR0913 - each is named by the caller
    inventory: Path, cluster: str, log: Path, *, program: Sequence[str], mark: str, limit_s: float
) -> tuple[Ended | None, str]:
    """Run ``kubedrill down``, then remove what it did not know of.

    Returns how that ended, and what is left ("": none).

    Vagrant forgets a container whose making was killed before its id was written down: Docker is
    asked by name.
    """
    ended = None
    if (inventory / "hosts.yml").exists():
        argv = [*program, "down", "--inventory", str(inventory)]
        ended = run_part(argv, log, mark=mark, limit_s=limit_s, heal_s=1)
    left = _remove_from_docker(cluster)
    if not left and ended and ended.result != "ok":
        left = f"kubedrill down ended with {ended.result}: {ended.words}"
    if not left:
        for folder in (secrets_folder(cluster), state_folder() / ".vagrant" / f"state-{cluster}"):
            shutil.rmtree(folder, ignore_errors=True)
    return ended, left


def _remove_from_docker(cluster: str) -> str:
    """Remove the cluster's containers with their volumes, and its network; returns what is left."""
    if daemon_problem():
        return ""  # no daemon, no container: a hypervisor's nodes are Vagrant's to remove
    if containers := _containers(cluster):
        for name in containers:
            unfreeze(name)
        _docker("rm", "--force", "--volumes", *containers)
    _docker("network", "rm", cluster)
    networks = _docker("network", "ls", "--format", "{{.Name}}", "--filter", f"name=^{cluster}$")
    left = [f"container {name}" for name in _containers(cluster)]
    return ", ".join(left + [f"network {name}" for name in networks.split()])


def _containers(cluster: str) -> list[str]:
    names = ("--format", "{{.Names}}", "--filter", f"name=^/{cluster}-")
    return _docker("ps", "--all", *names).split()


def _docker(*arguments: str) -> str:
    try:
        done = subprocess.run(
            [DOCKER, *arguments], capture_output=True, text=True, check=False, timeout=_DOCKER_S
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout
