"""Read-only timed samples of what users of the cluster feel (docs/explanation/probes.md)."""

from kubedrill.probes.inside import end_probes, remove_probes
from kubedrill.probes.session import ProbeSession
from kubedrill.probes.standard import Targets, find_targets, standard_probes, watch_clients

__all__ = [
    "ProbeSession",
    "Targets",
    "end_probes",
    "find_targets",
    "remove_probes",
    "standard_probes",
    "watch_clients",
]
