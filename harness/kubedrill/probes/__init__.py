"""Read-only timed samples of what users of the cluster feel (docs/explanation/probes.md)."""

from kubedrill.probes.inside import choose_nodes, end_probes, remove_probes
from kubedrill.probes.session import ProbeSession
from kubedrill.probes.standard import Targets, find_targets, standard_probes, watch_clients

__all__ = [
    "ProbeSession",
    "Targets",
    "choose_nodes",
    "end_probes",
    "find_targets",
    "remove_probes",
    "standard_probes",
    "watch_clients",
]
