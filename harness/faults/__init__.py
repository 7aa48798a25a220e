"""What breaks the cluster on purpose: each fault can say whether it is available, be injected, and be healed."""

from harness.faults.base import Fault, FaultContext, Noop
from harness.faults.certificate import ExpiredCertificate
from harness.faults.clock import ClockSkew
from harness.faults.credentials import AccountDeleted, RightRevoked, TokenExpired
from harness.faults.descriptors import DescriptorsUsedUp
from harness.faults.drain import Blocker, Drain, drain_node
from harness.faults.etcd_member import MemberLoss
from harness.faults.etcd_restore import QuorumGone
from harness.faults.network import NetworkCut
from harness.faults.node import Hang, Reboot, Shutdown, ZoneOutage
from harness.faults.pods import ContainerKill, PodKill
from harness.faults.power import PowerCut
from harness.faults.quorum import QuorumLoss
from harness.faults.resources import DiskFull, Load
from harness.faults.rollout import BadRollout
from harness.faults.services import ServiceFault
from harness.faults.shaping import Shaping

__all__ = [
    "AccountDeleted",
    "BadRollout",
    "Blocker",
    "ClockSkew",
    "ContainerKill",
    "DescriptorsUsedUp",
    "DiskFull",
    "Drain",
    "ExpiredCertificate",
    "Fault",
    "FaultContext",
    "Hang",
    "Load",
    "MemberLoss",
    "NetworkCut",
    "Noop",
    "PodKill",
    "PowerCut",
    "QuorumGone",
    "QuorumLoss",
    "Reboot",
    "RightRevoked",
    "ServiceFault",
    "Shaping",
    "Shutdown",
    "TokenExpired",
    "ZoneOutage",
    "drain_node",
]
