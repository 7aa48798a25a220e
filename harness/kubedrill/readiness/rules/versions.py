"""May the cluster go from what it runs to the target?

The rules are those of https://kubernetes.io/releases/version-skew-policy/.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from kubedrill.readiness.model import Version, known
from kubedrill.readiness.rules.common import blocker, info, unknown, warning

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kubedrill.readiness.model import Issue, Snapshot

KUBELET_BEHIND = 3
"""Minor versions that kubelets and kube-proxies may be older than the API server (skew policy,
since 1.28)."""

MARK = "kubedrill/upgrading-to"
"""Annotation of a node in the middle of an upgrade (docs/explanation/upgrade.md)."""

_COMPONENTS = ("kube-proxy", "kube-controller-manager", "kube-scheduler")
_TAG = re.compile(r":(v\d+\.\d+\.\d+)")


def path(snapshot: Snapshot) -> Iterator[Issue]:
    """API servers: one minor version at a time, no downgrade, at most one apart from each other."""
    target = snapshot.target
    live = _servers(snapshot)
    for name, server in known(snapshot.api_servers).items():
        if name in live:
            yield from _step(f"API server on {name}", live[name], target)
        else:
            unreadable = f"says its version is {server.version!r}"
            yield unknown(f"API server on {name}", unreadable, "a release", "look at it by hand")
    minors = {version.minor for version in live.values()}
    actual = ", ".join(f"{name} {version}" for name, version in live.items())
    if max(minors, default=0) - min(minors, default=0) > 1:
        yield blocker(
            "API servers", actual, "at most one minor version apart", "bring the oldest up first"
        )
    elif live:
        yield info("API servers", f"to {target} from {actual}")


def _servers(snapshot: Snapshot) -> dict[str, Version]:
    """Versions of the API servers that answered.

    One that no number can be read from stays out, and is unknown.
    """
    servers = known(snapshot.api_servers).items()
    return {name: version for name, one in servers if (version := Version.read(one.version))}


def _step(subject: str, version: Version, target: Version) -> Iterator[Issue]:
    if version > target:
        yield blocker(
            subject,
            f"runs {version}: {target} is a downgrade",
            f"{target} or older",
            "choose a later --to",
        )
    elif version.major != target.major or target.minor - version.minor > 1:
        between = f"{version.major}.{version.minor + 1}"
        yield blocker(
            subject,
            f"runs {version}: {target} skips a minor version",
            "one minor version at a time",
            f"upgrade to {between} first",
        )


def kubelets(snapshot: Snapshot) -> Iterator[Issue]:
    """Kubelets: never newer than the API server, at most three minor versions older."""
    oldest = min(_servers(snapshot).values(), default=None)
    for node in snapshot.nodes.get():
        subject = f"kubelet on {node.metadata.name}"
        version = Version.read(node.status.node_info.kubelet_version)
        if version is None:
            actual = f"says its version is {node.status.node_info.kubelet_version!r}"
            yield unknown(subject, actual, "a release", "look at the node")
            continue
        yield from _skew(subject, version, snapshot.target)
        behind = snapshot.target.minor - version.minor
        if 1 < behind <= KUBELET_BEHIND:
            yield blocker(
                subject,
                f"runs {version}, {behind} minor versions behind {snapshot.target}",
                "one behind at most: playbooks/upgrade.yml refuses a skip",
                f"bring this node to {snapshot.target.major}.{snapshot.target.minor - 1} first",
            )
        if oldest and version[:2] > oldest[:2] and version <= snapshot.target:
            yield warning(
                subject,
                f"runs {version}, an API server runs {oldest}",
                "never newer than any API server that it talks to",
                "finish the control planes' upgrade first: playbooks/upgrade.yml goes on where "
                "it was left",
            )


def _skew(subject: str, version: Version, target: Version) -> Iterator[Issue]:
    if version > target:
        yield blocker(
            subject,
            f"runs {version}, newer than {target}",
            "never newer than the API server",
            "choose a later --to",
        )
    elif target.minor - version.minor > KUBELET_BEHIND:
        yield blocker(
            subject,
            f"runs {version}, {target.minor - version.minor} minor versions older than {target}",
            f"{KUBELET_BEHIND} at most (Kubernetes version skew policy)",
            "upgrade it before the control planes",
        )


def components(snapshot: Snapshot) -> Iterator[Issue]:
    """kube-proxy, controller managers and schedulers, by the tags of their images."""
    for pod in snapshot.pods.get():
        labels = pod.metadata.labels or {}
        part = labels.get("component") or labels.get("k8s-app")
        if pod.metadata.namespace != "kube-system" or part not in _COMPONENTS:
            continue
        subject, image = f"{part} on {pod.spec.node_name}", pod.spec.containers[0].image or ""
        tag, target = _TAG.search(image), snapshot.target
        version = Version.parse(tag[1]) if tag else None
        if version is None:
            yield unknown(
                subject,
                f"its image {image} has no version in its tag",
                "a tag such as :v1.36.3",
                "look at it by hand",
            )
        elif part == "kube-proxy":
            yield from _skew(subject, version, target)
        elif version > target or target.minor - version.minor > 1:
            yield blocker(
                subject,
                f"runs {version}",
                f"{target} or one minor version older",
                "bring it to its API server's version",
            )


def kubeadm(snapshot: Snapshot) -> Iterator[Issue]:
    """Kubeadm on the nodes: the upgrade puts the target's there.

    A newer one was not put there by it.
    """
    for name, host in known(snapshot.hosts).items():
        subject, version = f"kubeadm on {name}", Version.read(host.kubeadm)
        if not host.kubeadm:
            yield warning(
                subject,
                "was not found",
                "the program",
                "the upgrade installs the target's",
            )
        elif version is None:
            yield unknown(subject, f"says {host.kubeadm!r}", "a version", "look at it by hand")
        elif version > snapshot.target:
            yield warning(
                subject,
                f"is {host.kubeadm}",
                f"{snapshot.target} or older",
                "find out who put it there",
            )


def unfinished(snapshot: Snapshot) -> Iterator[Issue]:
    """A node that another upgrade was working on."""
    for node in snapshot.nodes.get():
        mark = (node.metadata.annotations or {}).get(MARK, "")
        if mark and mark.removeprefix("v") != str(snapshot.target).removeprefix("v"):
            yield blocker(
                f"node {node.metadata.name}",
                f"is in the middle of an upgrade to {mark}",
                "no upgrade under way",
                f"finish it: ansible-playbook playbooks/upgrade.yml -e upgrade_to={mark}",
            )
        elif mark:
            yield info(
                f"node {node.metadata.name}",
                "an earlier run of this upgrade is not finished; it will go on here",
            )
