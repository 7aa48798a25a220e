"""Which version of etcd, containerd and CoreDNS runs, as the running processes answer."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from kubernetes.client import ApiException

from kubedrill.base.errors import DeadlineExceeded
from kubedrill.base.waits import Waiting, wait_for
from kubedrill.bundle.errors import BundleError
from kubedrill.bundle.manifest import read_manifest
from kubedrill.bundle.releases import ARCH
from kubedrill.cluster.api import ApiUnavailable
from kubedrill.cluster.etcd import read_members
from kubedrill.core.node_loss import DNS_PODS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from kubedrill.cluster.context import Cluster
    from kubedrill.core.context import DrillContext

Programs = dict[str, dict[str, str]]
"""Program → place → version without its v; "" where nobody answered."""

ETCD = "etcd"
KUBEADMS_COREDNS = "registry.k8s.io/coredns/coredns"
_METRICS_PORT = 9153
"""CoreDNS' plugin prometheus, as kubeadm configures it."""
_COREDNS_VERSION = re.compile(r'^coredns_build_info\{[^}]*\bversion="([^"]+)"', re.MULTILINE)


def read_programs(cluster: Cluster) -> Programs:
    """Ask every etcd member, every container runtime by its kubelet, and every CoreDNS."""
    programs: Programs = {ETCD: etcd_versions(cluster)}
    for node in cluster.api.nodes():
        runtime, _, version = node.status.node_info.container_runtime_version.partition("://")
        programs.setdefault(runtime, {})[node.metadata.name] = version.removeprefix("v")
    if dns := coredns_versions(cluster):
        programs["CoreDNS"] = dns
    return programs


def etcd_versions(cluster: Cluster) -> dict[str, str]:
    """Version of the etcd member on each control plane, "" where it does not answer."""
    return {
        member.node: member.version.removeprefix("v")
        for member in read_members(cluster.hosts, cluster.inventory)
    }


def coredns_versions(cluster: Cluster) -> dict[str, str]:
    """Version of each CoreDNS that is not about to end, "" where it does not answer."""
    return {
        pod.metadata.name: _coredns_version(cluster, pod)
        for pod in cluster.api.pods(*DNS_PODS)
        if not pod.metadata.deletion_timestamp
    }


def _coredns_version(cluster: Cluster, pod: Any) -> str:
    metadata = pod.metadata
    with suppress(ApiException, ApiUnavailable):
        metrics = cluster.api.pod_get(metadata.namespace, metadata.name, "metrics", _METRICS_PORT)
        if match := _COREDNS_VERSION.search(metrics):
            return match[1]
    return ""


def bundled_version(cluster: Cluster, release: str, image: str) -> str:
    """Version of the program in an image of a release's bundle, "" where it cannot be read."""
    if cluster.inventory.bundles is None:
        return ""
    try:
        manifest = read_manifest(cluster.inventory.bundles / f"{release}-{ARCH}")
    except BundleError:
        return ""
    versions = [
        part.version for part in manifest.parts if part.kind == "image" and part.name == image
    ]
    return versions[0].removeprefix("v") if versions else ""


def check_etcd(ctx: DrillContext, release: str, which: str) -> None:
    """Check that every etcd member runs the etcd of a release's bundle.

    A member that does not answer is asked again for ``timeouts.etcd_healthy``; one that never does
    leaves the check open.
    """
    _check_program(
        ctx,
        Program(ETCD, f"every etcd member runs the {which} release's etcd", "etcd_healthy"),
        lambda: etcd_versions(ctx.cluster),
        release,
        which,
    )


def check_coredns(ctx: DrillContext, release: str, which: str) -> None:
    """Check as :func:`check_etcd` does that every CoreDNS is a release's; ``timeouts.pods_ready``.

    Only where it is kubeadm's, which upgrades its own.
    """
    images = [pod.spec.containers[0].image for pod in ctx.cluster.api.pods(*DNS_PODS)]
    if any(image.rpartition(":")[0] == KUBEADMS_COREDNS for image in images):
        _check_program(
            ctx,
            Program("coredns", f"every CoreDNS is the {which} release's", "pods_ready"),
            lambda: coredns_versions(ctx.cluster),
            release,
            which,
        )


class Program(NamedTuple):
    """What an upgrade upgrades beside Kubernetes."""

    image: str
    """Its name among a bundle's images."""
    claim: str
    setting: str
    """Of ``timeouts``: how long one that does not answer is asked again."""


def _check_program(
    ctx: DrillContext,
    program: Program,
    ask: Callable[[], dict[str, str]],
    release: str,
    which: str,
) -> None:
    expected = bundled_version(ctx.cluster, release, program.image)
    versions: dict[str, str] = {}

    def all_answer() -> bool | Waiting:
        versions.clear()
        versions.update(ask())
        silent = [name for name, version in versions.items() if not version]
        return Waiting(f"no answer from {', '.join(silent)}") if silent else True

    seconds = getattr(ctx.cluster.settings.timeouts, program.setting)
    with suppress(DeadlineExceeded):
        wait_for(program.claim, all_answer, seconds=seconds, setting=program.setting)
    wrong = {name: version for name, version in versions.items() if version != expected}
    is_known = bool(expected) and all(versions.values())
    ctx.check(
        f"{program.image}-at-{which}-release",
        program.claim,
        not wrong if is_known else None,
        ", ".join(f"{name} {version or 'does not answer'}" for name, version in wrong.items())
        or f"all {expected}",
        f"all {expected}" if expected else f"a readable bundle.json of {release}",
    )


def record_programs(ctx: DrillContext, before: Programs) -> None:
    """Put on the timeline what ran before and runs now."""
    now = read_programs(ctx.cluster)
    lines = [
        f"{program} {_versions(before.get(program, {}))} → {_versions(now.get(program, {}))}"
        for program in sorted({*before, *now})
    ]
    ctx.event("step", "cluster", "; ".join(lines), before=before, after=now)


def _versions(places: Mapping[str, str]) -> str:
    return ", ".join(sorted({version or "unknown" for version in places.values()})) or "none"
