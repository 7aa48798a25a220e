"""What all drills that upgrade the cluster share."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from ansible_collections.kubedrill.kubeadm.plugins.module_utils import versions as releases
from kubedrill.base.model import CheckId
from kubedrill.core.ansible_lane import run_playbook_step
from kubedrill.core.node_loss import CALM_S
from kubedrill.core.programs import check_coredns, check_etcd

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from kubedrill.cluster.context import Cluster
    from kubedrill.cluster.playbooks import TaskEvent
    from kubedrill.core.context import DrillContext


PLAYBOOK = "upgrade.yml"

_BUNDLE = re.compile(r"v(\d+)\.(\d+)\.(\d+)-\w+")

Version = tuple[int, int, int]


def explain_missing_bundle(ctx: DrillContext) -> str | None:
    """Say why the cluster cannot be upgraded, None when it can."""
    oldest, bundles = min(live_versions(ctx.cluster)), find_bundles(ctx.cluster)
    if next_version(oldest, bundles):
        return None
    have = ", ".join(map(format_version, sorted(bundles))) or "none"
    return (
        f"the cluster runs {format_version(oldest)} and no bundle is a step ahead of it "
        f"(found: {have}); build one (kubedrill bundle build) or install the older release first"
    )


def choose_release(cluster: Cluster) -> str:
    """Return the version to upgrade to, as "v1.36.3"; unavailable() made sure that there is one."""
    target = next_version(min(live_versions(cluster)), find_bundles(cluster))
    assert target is not None  # noqa: S101 - unavailable() said so
    return format_version(target)


def run_upgrade(
    ctx: DrillContext,
    version: str,
    title: str,
    on_event: Callable[[TaskEvent], None] | None = None,
    extra_vars: Mapping[str, Any] | None = None,
) -> None:
    """Run playbooks/upgrade.yml, each task on each host a span.

    ``on_event`` sees each event too, and may raise.

    Raises:
        StepFailed, DeadlineExceeded: as :func:`run_playbook_step`.
    """
    variables = {"upgrade_to": version.removeprefix("v"), **(extra_vars or {})}
    run_playbook_step(ctx, PLAYBOOK, variables, title, on_event)


UPGRADED = "every node and API server that ran the older release runs another one"


def running_versions(cluster: Cluster) -> dict[str, str]:
    """What each node's kubelet and the API server run."""
    versions = {name: format_version(version) for name, version in node_versions(cluster).items()}
    return {**versions, "the API server": cluster.api.version.get_code().git_version}


def witness_upgrade(ctx: DrillContext, before: Mapping[str, str]) -> None:
    """Record whether something runs another release than before: all that ran the oldest one."""
    oldest = min(before.values(), key=parse_version)
    now = running_versions(ctx.cluster)
    same = [name for name, version in before.items() if version == oldest == now.get(name)]
    ctx.witness("cluster", f"still {oldest}: {', '.join(same) or 'none'}", seen=not same)


def check_upgraded(ctx: DrillContext, expected: str, which: str = "new") -> None:
    """Check all versions, then wait until users are served; ``which`` release it is, in words."""
    cluster = ctx.cluster
    versions = {name: format_version(version) for name, version in node_versions(cluster).items()}
    wrong = [f"{name} {version}" for name, version in versions.items() if version != expected]
    actual = ", ".join(wrong) or f"all {expected}"
    ctx.check(
        f"kubelets-at-{which}-release",
        f"every kubelet runs the {which} release",
        not wrong,
        actual,
        f"all {expected}",
    )
    server = cluster.api.version.get_code().git_version
    ctx.check(
        CheckId.UPGRADED if which == "new" else f"api-server-at-{which}-release",
        f"the API server runs the {which} release",
        server == expected,
        server,
        expected,
    )
    check_etcd(ctx, expected, which)
    check_coredns(ctx, expected, which)
    with ctx.step("cluster", f"at the {which} release: until every probe is answered"):
        seconds = cluster.settings.timeouts.recovery
        ctx.wait_answering("*", for_s=CALM_S, seconds=seconds, setting="recovery")


def node_versions(cluster: Cluster) -> dict[str, Version]:
    """Each kubelet's version, by node."""
    return {
        node.metadata.name: parse_version(node.status.node_info.kubelet_version)
        for node in cluster.api.nodes()
    }


def live_versions(cluster: Cluster) -> list[Version]:
    """Versions of all kubelets and of the API server: a half-done upgrade has several."""
    return [
        *node_versions(cluster).values(),
        parse_version(cluster.api.version.get_code().git_version),
    ]


def find_bundles(cluster: Cluster) -> list[Version]:
    """Versions that an upgrade may go to: bundles in cluster_bundles_source.

    Where upgrade_to is set, that one only.
    """
    source = cluster.inventory.bundles
    paths = source.glob("v*/bundle.json") if source else ()
    matches = [_BUNDLE.fullmatch(path.parent.name) for path in paths]
    versions = sorted({(int(m[1]), int(m[2]), int(m[3])) for m in matches if m})
    only = cluster.settings.upgrade_to
    return [version for version in versions if not only or version == parse_version(only)]


def next_version(live: Version, bundles: list[Version]) -> Version | None:
    """Choose the newest version that is ahead of ``live`` by one minor version at most.

    Kubernetes allows no skip.

    >>> next_version((1, 35, 4), [(1, 35, 4), (1, 36, 1), (1, 36, 3), (1, 37, 0)])
    (1, 36, 3)
    """
    allowed = [v for v in bundles if v > live and v[0] == live[0] and v[1] - live[1] <= 1]
    return max(allowed, default=None)


def uncordon_all(cluster: Cluster) -> None:
    """Let every node take pods again.

    Drills start on clusters without cordons, so these are the upgrade's own.
    """
    for node in cluster.api.nodes():
        if node.spec.unschedulable:
            cluster.api.cordon(node.metadata.name, on=False)


def parse_version(text: str) -> Version:
    """Read a version.

    >>> parse_version("v1.36.3")
    (1, 36, 3)
    """
    major, minor, patch = releases.parse_version(text)
    return major, minor, patch


def format_version(version: Version) -> str:
    """Write a version.

    >>> format_version((1, 36, 3))
    'v1.36.3'
    """
    return "v{}.{}.{}".format(*version)
