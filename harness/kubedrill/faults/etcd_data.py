"""What is done to etcd's data on a node: taken away, and given back.

While a member has no data its manifest is parked: that of the first control plane says that the
cluster is new, and etcd would make an empty cluster of its own there, to which its API server would
give acknowledged writes. The kubelet goes on running: one that is started without the API server
beside it takes minutes to start a changed static pod.

The data are moved aside, never deleted, until the drill is sure that they are not needed any more.
Until then the undo is to move them back: one member rejoins with them, and so does a whole cluster.
"""

from __future__ import annotations

import shlex
from pathlib import Path

from kubedrill.faults import on_node
from kubedrill.faults.on_node import ASIDE, Script
from kubedrill.faults.static_pods import MANIFESTS, PARKED

DATA = "/var/lib/etcd"
"""kubeadm's folder for etcd's data (ClusterConfiguration, etcd.local.dataDir)."""

FOLDER = "/var/lib/kubedrill-fault-etcd"
"""Where a snapshot stands on a node for a moment; the scan for leftovers looks here."""

NO_DATA = f"[ -e {DATA}/member{ASIDE} ] && [ ! -e {DATA}/member ]"
"""Asks a node whether its member's data are moved aside, and nothing is in their place."""

REPLACE_S = 150.0
"""Seconds for one replacement, or one restore: a learner is promoted once it has caught up, which
small data do at once; the rest is a container's start."""


def functions(manifests: str = MANIFESTS) -> str:
    """Return the shell functions ``stop_pods`` and ``start_pods`` for a folder of static pods."""
    parked = Path(manifests).parent / Path(PARKED).name
    variables = f"manifests={shlex.quote(manifests)} parked={shlex.quote(str(parked))}"
    return f"{variables}\n{on_node.read_script('static_pods.sh')}"


def start(*parts: str, manifests: str = MANIFESTS) -> str:
    """Give the manifests back; the kubelet starts them. Safe where none is parked."""
    return f"{functions(manifests)}start_pods {' '.join(parts)}"


def lose(what: str, parts: tuple[str, ...], data: str = DATA, manifests: str = MANIFESTS) -> Script:
    """How a member's data are taken away, and how they are given back."""
    aside, names = f"{data}/member{ASIDE}", " ".join(parts)
    inject = f"stop_pods {names} && {{ [ -e {aside} ] || mv {data}/member {aside}; }}"
    back = f"stop_pods {names} && rm -rf {data}/member && mv {aside} {data}/member"
    undo = (
        f"if [ -e {aside} ]; then {back} || exit 1; fi\n"
        f"rm -rf {data}/kubedrill-fault-restored {FOLDER}; start_pods {names}"
    )
    head = functions(manifests)
    return Script(f"etcd-{what}", head + inject, head + undo)
