"""What is done to etcd's data on a node: taken away, and given back.

While a member has no data its kubelet stays stopped: the first control plane's manifest says that the cluster is new,
and etcd would make an empty cluster of its own there, to which its API server would give acknowledged writes.

The data are moved aside, never deleted, until the drill is sure that they are not needed any more. Until then the undo
is to move them back: one member rejoins with them, and so does a whole cluster.
"""

from __future__ import annotations

from harness.faults.onnode import KEPT, Script
from harness.faults.pods import pids

DATA = "/var/lib/etcd"
"""kubeadm's folder for etcd's data (ClusterConfiguration, etcd.local.dataDir)."""

FOLDER = "/var/lib/kubedrill-fault-etcd"
"""Where a snapshot stands on a node for a moment; the residue check looks here."""

REPLACE_S = 150.0
"""Seconds for one replacement, or one restore: a learner is promoted once it has caught up, which small data do at
once; the rest is a container's start."""


def stop(*parts: str) -> str:
    """Stop a node's kubelet, so that nothing is started again, and kill static pods until none of them runs."""
    running = " ".join(
        pids(**{"io.kubernetes.container.name": part, "io.kubernetes.pod.namespace": "kube-system"}) for part in parts
    )
    again = f'found="{running}"; [ -n "${{found# }}" ] || break; kill -KILL $found; sleep 0.5'
    left = f'found="{running}"; [ -z "${{found# }}" ]'
    return f"systemctl stop kubelet && {{ for i in $(seq 20); do {again}; done; {left}; }}"


def lose(what: str, parts: tuple[str, ...], data: str = DATA) -> Script:
    """How a member's data are taken away, and how they are given back."""
    away = f"{data}/member{KEPT}"
    inject = f"{stop(*parts)} && {{ [ -e {away} ] || mv {data}/member {away}; }}"
    back = f"{stop(*parts)} && rm -rf {data}/member && mv {away} {data}/member"
    undo = (
        f"if [ -e {away} ]; then {back} || exit 1; fi; rm -rf {data}/kubedrill-fault-restored {FOLDER}; "
        "systemctl start kubelet"
    )
    return Script(f"etcd-{what}", inject, undo)
