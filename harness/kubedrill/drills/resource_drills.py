"""Drills in which a node runs out of disk, memory or processors: a table of :class:`FaultDrill`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kubedrill.config.limits import Limits
from kubedrill.core.choices import app_workers, etcd_followers
from kubedrill.core.drill import Family
from kubedrill.core.expectations import OWN, PLANES, WORKERS, one_api_server
from kubedrill.core.fault_drill import FaultDrill
from kubedrill.core.predictions import Expected
from kubedrill.faults import DiskFull, Load

if TYPE_CHECKING:
    from collections.abc import Callable

    from kubedrill.core.context import DrillContext
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


DRILLS = (
    FaultDrill(
        name="disk-full-etcd",
        title="The disk of an etcd member is full",
        proves="the API serves from the other members while one cannot write",
        needs=f"{PLANES}, {OWN}",
        duration_s=110,
        family=Family.RESOURCES,
        limits_because="the API server beside it is marked down within 1.5 s",
        among=etcd_followers,
        fault=disk("etcd"),
        expect=one_api_server,
        hold_s=PRESSURE_S,
    ),
    FaultDrill(
        name="disk-full-containerd",
        title="The disk of a worker's container runtime is full",
        proves="the kubelet notices, evicts, and the app serves from elsewhere",
        needs=f"{WORKERS}, {OWN}",
        duration_s=110,
        family=Family.RESOURCES,
        limits_because="replicas elsewhere serve",
        among=app_workers,
        fault=disk("containerd"),
        expect=evicted,
        hold_s=PRESSURE_S,
    ),
    FaultDrill(
        name="disk-full-root",
        title="The root filesystem of a worker is full",
        proves="the kubelet notices, evicts, and the app serves from elsewhere",
        needs=f"{WORKERS}, {OWN}",
        duration_s=110,
        family=Family.RESOURCES,
        limits_because="replicas elsewhere serve",
        among=app_workers,
        fault=disk("root"),
        expect=evicted,
        hold_s=PRESSURE_S,
    ),
    FaultDrill(
        name="memory-pressure",
        title="A worker runs out of memory",
        proves=("the kubelet evicts before the kernel kills, and the app serves from elsewhere"),
        needs=f"{WORKERS}, {OWN}",
        duration_s=110,
        family=Family.RESOURCES,
        limits=Limits(app_outage_s=5),
        limits_because="replicas elsewhere serve; what the kernel kills is seen within 1 s",
        among=app_workers,
        fault=load("memory"),
        expect=evicted,
        hold_s=PRESSURE_S,
    ),
    FaultDrill(
        name="cpu-starvation",
        title="A worker has no processor time left",
        proves="the app serves from elsewhere while one node crawls",
        needs=f"{WORKERS}, {OWN}",
        duration_s=110,
        family=Family.RESOURCES,
        limits=Limits(app_outage_s=10),
        limits_because="a node that crawls answers late; readiness takes its pods out",
        among=app_workers,
        fault=load("cpu"),
        expect=evicted,
        hold_s=PRESSURE_S,
    ),
)
