"""Drills in which a whole node hangs, restarts or is shut down in order.

A table of :class:`FaultDrill`.
"""

from __future__ import annotations

from kubedrill.core.choices import app_workers, etcd_leader
from kubedrill.core.fault_drill import FaultDrill, until_not_ready
from kubedrill.drills.network_drills import lost
from kubedrill.faults import Hang, Reboot, Shutdown

NODE_DRILLS = (
    FaultDrill(
        "node-hang", "A worker hangs: paused from outside",
        "a node whose connections stay open and that answers nobody is taken for lost",
        "2 workers or more, pausing", 130, app_workers, Hang, lost, until=until_not_ready,
    ),
    FaultDrill(
        "node-hang-leader", "The node of etcd's leader hangs: paused from outside",
        "a leader that wakes up after another one was elected steps back", "3 control planes or more, pausing", 130,
        etcd_leader, Hang, lost, until=until_not_ready,
    ),
    FaultDrill(
        "node-reboot", "A worker is rebooted in order",
        "everything that a node needs starts by itself", "2 workers or more, power control", 120,
        app_workers, Reboot, lost, answered=False,
    ),
    FaultDrill(
        "node-shutdown", "A worker is shut down in order",
        "an orderly shutdown costs no more than a power cut, and the node comes back",
        "2 workers or more, power control", 140, app_workers, Shutdown, lost, until=until_not_ready,
    ),
)  # fmt: skip
"""One row a drill."""
