"""What breaks the cluster on purpose.

Each fault can say whether it is available, be injected, and be healed.
"""

import importlib
import pkgutil

from kubedrill.faults.base import Fault
from kubedrill.faults.certificate import ExpiredCertificate
from kubedrill.faults.clock import ClockSkew
from kubedrill.faults.credentials import Revoked, TokenExpired
from kubedrill.faults.descriptors import DescriptorsUsedUp
from kubedrill.faults.drain import Drain, drain_node
from kubedrill.faults.etcd_member import MemberLoss
from kubedrill.faults.etcd_restore import QuorumGone
from kubedrill.faults.network import Partition
from kubedrill.faults.node import Hang, Reboot, Shutdown, ZoneOutage
from kubedrill.faults.pods import ContainerKill, PodKill
from kubedrill.faults.power import PowerCut
from kubedrill.faults.quorum import QuorumLoss
from kubedrill.faults.resources import DiskFull, Load
from kubedrill.faults.rollout import BadRollout
from kubedrill.faults.services import ServiceFault
from kubedrill.faults.shaping import Shaping

__all__ = [
    "BadRollout",
    "ClockSkew",
    "ContainerKill",
    "DescriptorsUsedUp",
    "DiskFull",
    "Drain",
    "ExpiredCertificate",
    "Fault",
    "Hang",
    "Load",
    "MemberLoss",
    "Partition",
    "PodKill",
    "PowerCut",
    "QuorumGone",
    "QuorumLoss",
    "Reboot",
    "Revoked",
    "ServiceFault",
    "Shaping",
    "Shutdown",
    "TokenExpired",
    "ZoneOutage",
    "drain_node",
]

for _module in pkgutil.iter_modules(__path__):  # each registers its faults
    importlib.import_module(f"{__name__}.{_module.name}")
