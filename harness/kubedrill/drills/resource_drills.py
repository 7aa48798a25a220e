"""Drills in which a node runs out of disk, memory or processors: a table of :class:`FaultDrill`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kubedrill.core.choices import app_workers, etcd_followers
from kubedrill.core.fault_drill import FaultDrill
from kubedrill.core.predictions import Expected
from kubedrill.drills.service_drills import PLANES, WORKERS, one_api_server
from kubedrill.faults import DiskFull, Load

if TYPE_CHECKING:
    from collections.abc import Callable

    from kubedrill.core.drill import DrillContext
    from kubedrill.faults import Fault

PRESSURE_S = 45.0
"""Seconds that a resource is short: the kubelet looks every 10 s (its eviction monitor), then
evicts."""


def disk(whose: str) -> Callable[[str], Fault]:
    """Make the fault for a node."""
    return lambda node: DiskFull(node, whose)


def load(what: str) -> Callable[[str], Fault]:
    """Make the fault for a node."""
    return lambda node: Load(node, what)


def evicted(ctx: DrillContext, node: str) -> Expected:
    """The kubelet evicts pods, which leave their Services first; the others serve."""
    del ctx
    why = f"the kubelet of {node} evicts pods in order, and replicas on other nodes serve"
    return Expected(app_why=why, dns_why=why)


OWN = "nodes with resources of their own (no containers)"

RESOURCE_DRILLS = (
    FaultDrill(
        "disk-full-etcd", "The disk of an etcd member is full",
        "the API serves from the other members while one cannot write", f"{PLANES}, {OWN}", 110,
        etcd_followers, disk("etcd"), one_api_server, hold_s=PRESSURE_S,
    ),
    FaultDrill(
        "disk-full-containerd", "The disk of a worker's container runtime is full",
        "the kubelet notices, evicts, and the app serves from elsewhere", f"{WORKERS}, {OWN}", 110,
        app_workers, disk("containerd"), evicted, hold_s=PRESSURE_S,
    ),
    FaultDrill(
        "disk-full-root", "The root filesystem of a worker is full",
        "the kubelet notices, evicts, and the app serves from elsewhere", f"{WORKERS}, {OWN}", 110,
        app_workers, disk("root"), evicted, hold_s=PRESSURE_S,
    ),
    FaultDrill(
        "memory-pressure", "A worker runs out of memory",
        "the kubelet evicts before the kernel kills, and the app serves from elsewhere", f"{WORKERS}, {OWN}", 110,
        app_workers, load("memory"), evicted, hold_s=PRESSURE_S,
    ),
    FaultDrill(
        "cpu-starvation", "A worker has no processor time left",
        "the app serves from elsewhere while one node crawls", f"{WORKERS}, {OWN}", 110,
        app_workers, load("cpu"), evicted, hold_s=PRESSURE_S,
    ),
)  # fmt: skip
"""One row a drill."""
