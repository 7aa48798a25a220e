"""Static pods whose manifests are parked beside kubeadm's folder, so that the kubelet ends them."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from kubedrill.cluster.health import STATIC_PODS
from kubedrill.faults.traces import NodeTrace, Stage, never

if TYPE_CHECKING:
    from kubedrill.base.model import Node

MANIFESTS = "/etc/kubernetes/manifests"
"""kubeadm's folder of static pods (kubelet configuration, staticPodPath)."""

PARKED = "/etc/kubernetes/kubedrill-fault"
"""Where the manifest of a stopped static pod waits."""


def _detect_missing(node: Node) -> str:
    return "".join(
        f'[ -s "$root{MANIFESTS}/{name}.yaml" ] || out {name}\n'
        for name in (STATIC_PODS if node.is_control_plane else ())
    )


def repair(file: str) -> str:
    """Return the command that moves a manifest back.

    One that stands in its place is not replaced, and the parked one goes only if it is the same.
    """
    parked, place = shlex.quote(f"{PARKED}/{file}"), shlex.quote(f"{MANIFESTS}/{file}")
    differs = (
        f"echo {place} is in place and differs from {parked}: keep one of them by hand >&2; exit 1"
    )
    missing = f"echo there is no copy at {parked}: put the manifest back by hand >&2; exit 1"
    return (
        f"if [ ! -e {parked} ]; then [ -s {place} ] || {{ {missing}; }}; "
        f"elif [ ! -s {place} ]; then mv {parked} {place}; "
        f"elif cmp -s {parked} {place}; then rm {parked}; else {differs}; fi; "
        f"rmdir {PARKED} 2>/dev/null; true"
    )


MISSING = NodeTrace(
    kind="manifest",
    text=f"static pod manifest of {{what}} is missing from {MANIFESTS}",
    stage=Stage.MANIFEST,
    ours=never,
    detect=_detect_missing,
    repair=lambda name: repair(f"{name}.yaml"),
)

STILL_PARKED = NodeTrace(
    kind="parked",
    text=f"manifest {{what}} of a fault is still parked in {PARKED}",
    stage=Stage.MANIFEST,
    detect=lambda _node: (
        f'for file in "$root{PARKED}"/*; do [ -e "$file" ] && out "${{file##*/}}"; done'
    ),
    repair=repair,
)

STATIC_POD_TRACES = (MISSING, STILL_PARKED)
