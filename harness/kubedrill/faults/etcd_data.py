"""What is done to etcd's data on a node: taken away, and given back.

While a member has no data its manifest is parked: that of the first control plane says that the
cluster is new, and etcd would make an empty cluster of its own there, to which its API server would
give acknowledged writes. The kubelet goes on running: one that is started without the API server
beside it takes minutes to start a changed static pod.

The data are moved aside, never deleted, until the drill is sure that they are not needed any more.
Until then the undo is to move them back: one member rejoins with them, and so does a whole cluster.
"""

from __future__ import annotations

from pathlib import Path

from kubedrill.faults.on_node import ASIDE, Script
from kubedrill.faults.pods import pids
from kubedrill.faults.static_pods import MANIFESTS, PARKED

DATA = "/var/lib/etcd"
"""kubeadm's folder for etcd's data (ClusterConfiguration, etcd.local.dataDir)."""

FOLDER = "/var/lib/kubedrill-fault-etcd"
"""Where a snapshot stands on a node for a moment; the scan for leftovers looks here."""

REPLACE_S = 150.0
"""Seconds for one replacement, or one restore: a learner is promoted once it has caught up, which
small data do at once; the rest is a container's start."""

_QUIET = 4
"""Looks, half a second apart, that have to find nothing running: the kubelet may just have started
a container again as its manifest was taken away."""


def parked(manifests: str = MANIFESTS) -> str:
    """Where the manifests of a folder of static pods wait."""
    return str(Path(manifests).parent / Path(PARKED).name)


def stop(*parts: str, manifests: str = MANIFESTS) -> str:
    """Park the manifests of static pods and kill what runs, until nothing of it has run for a while."""
    away = parked(manifests)
    park = " && ".join(
        f"{{ [ ! -e {manifests}/{part}.yaml ] || mv {manifests}/{part}.yaml {away}/{part}.yaml; }}"
        for part in parts
    )
    running = " ".join(
        pids(**{"io.kubernetes.container.name": part, "io.kubernetes.pod.namespace": "kube-system"})
        for part in parts
    )
    look = (
        f'found="{running}"; if [ -n "${{found# }}" ]; then kill -KILL $found; quiet=0; '
        f"else quiet=$((quiet + 1)); [ $quiet -lt {_QUIET} ] || break; fi; sleep 0.5"
    )
    wait = f"{{ quiet=0; for i in $(seq 60); do {look}; done; [ $quiet -ge {_QUIET} ]; }}"
    return f"mkdir -p -m 700 {away} && {park} && {wait}"


def start(*parts: str, manifests: str = MANIFESTS) -> str:
    """Give the manifests back; the kubelet starts them. Safe where none is parked."""
    away = parked(manifests)
    back = " && ".join(
        f"{{ [ ! -e {away}/{part}.yaml ] || mv {away}/{part}.yaml {manifests}/; }}"
        for part in parts
    )
    return f"{back} && {{ rmdir {away} 2>/dev/null || true; }}"


def lose(what: str, parts: tuple[str, ...], data: str = DATA, manifests: str = MANIFESTS) -> Script:
    """How a member's data are taken away, and how they are given back."""
    away = f"{data}/member{ASIDE}"
    stopped = stop(*parts, manifests=manifests)
    inject = f"{stopped} && {{ [ -e {away} ] || mv {data}/member {away}; }}"
    back = f"{stopped} && rm -rf {data}/member && mv {away} {data}/member"
    undo = (
        f"if [ -e {away} ]; then {back} || exit 1; fi; rm -rf {data}/kubedrill-fault-restored {FOLDER}; "
        + start(*parts, manifests=manifests)
    )
    return Script(f"etcd-{what}", inject, undo)
