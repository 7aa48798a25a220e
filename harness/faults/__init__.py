"""What breaks the cluster on purpose: each fault can say whether it is available, be injected, and be healed."""

from harness.faults.base import Fault, FaultContext, Noop
from harness.faults.drain import Blocker, Drain, drain_node
from harness.faults.power import PowerCut

__all__ = ["Blocker", "Drain", "Fault", "FaultContext", "Noop", "PowerCut", "drain_node"]
