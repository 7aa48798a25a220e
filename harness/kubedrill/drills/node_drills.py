"""Drills in which a whole node hangs, restarts or is shut down in order.

A table of :class:`FaultDrill`.
"""

from __future__ import annotations

from kubedrill.config.limits import Limits
from kubedrill.core.choices import app_workers, etcd_leader
from kubedrill.core.drill import Family
from kubedrill.core.expectations import lost
from kubedrill.core.fault_drill import FaultDrill, until_not_ready
from kubedrill.core.limits import NODE_LOSS_S, PATIENT_S, PLANE_LOSS_S
from kubedrill.faults import Hang, Reboot, Shutdown

DRILLS = (
    FaultDrill(
        name="node-hang",
        title="A worker hangs: paused from outside",
        proves=("a node whose connections stay open and that answers nobody is taken for lost"),
        needs="2 workers or more, pausing",
        duration_s=130,
        family=Family.NODES,
        limits=Limits(app_outage_s=NODE_LOSS_S, dns_outage_s=NODE_LOSS_S),
        limits_because="as the loss of the node",
        among=app_workers,
        fault=Hang,
        expect=lost,
        until=until_not_ready,
    ),
    FaultDrill(
        name="node-hang-leader",
        title="The node of etcd's leader hangs: paused from outside",
        proves="a leader that wakes up after another one was elected steps back",
        needs="3 control planes or more, pausing",
        duration_s=130,
        family=Family.NODES,
        limits=Limits(app_outage_s=PATIENT_S, api_outage_s=6, dns_outage_s=PLANE_LOSS_S),
        limits_because="as the loss of the node",
        among=etcd_leader,
        fault=Hang,
        expect=lost,
        until=until_not_ready,
    ),
    FaultDrill(
        name="node-reboot",
        title="A worker is rebooted in order",
        proves="everything that a node needs starts by itself",
        needs="2 workers or more, power control",
        duration_s=120,
        family=Family.NODES,
        limits=Limits(app_outage_s=NODE_LOSS_S, dns_outage_s=NODE_LOSS_S),
        limits_because="as the loss of the node",
        among=app_workers,
        fault=Reboot,
        expect=lost,
        answered=False,
    ),
    FaultDrill(
        name="node-shutdown",
        title="A worker is shut down in order",
        proves=("an orderly shutdown costs no more than a power cut, and the node comes back"),
        needs="2 workers or more, power control",
        duration_s=140,
        family=Family.NODES,
        limits=Limits(app_outage_s=NODE_LOSS_S, dns_outage_s=NODE_LOSS_S),
        limits_because="as the loss of the node",
        among=app_workers,
        fault=Shutdown,
        expect=lost,
        until=until_not_ready,
    ),
)
