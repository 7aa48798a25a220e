"""A node that lives is drained, removed with all that the cluster has of it, and joined again.

By hand: ``ansible-playbook playbooks/node_replace.yml -e node_replace=w2``, ``kubectl get node w2
-o jsonpath='{.metadata.uid}'``, ``etcdctl member list``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from kubedrill.config.limits import Limits
from kubedrill.core.ansible_lane import run_playbook_step
from kubedrill.core.choices import (
    drainable,
    explain_missing_worker,
    explain_undrainable,
    pick,
    warn_of_drain,
)
from kubedrill.core.drill import Drill, Family
from kubedrill.core.etcd_leadership import wait_whole
from kubedrill.core.expectations import PLANES
from kubedrill.core.node_loss import CALM_S
from kubedrill.core.predictions import planned_work
from kubedrill.core.upgrades import (
    format_version,
    live_versions,
    uncordon_all,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from kubedrill.core.context import DrillContext
    from kubedrill.core.predictions import Expected

PLAYBOOK = "node_replace.yml"


@dataclass(frozen=True, kw_only=True)
class NodeReplaced(Drill):
    """Replace one of the nodes that ``among`` names."""

    among: Callable[[DrillContext], list[str]]
    missing: Callable[[DrillContext], str | None]

    def unavailable(self, ctx: DrillContext) -> str | None:
        """Needs another node that takes over, and a controller for each pod."""
        return (
            self.missing(ctx)
            or _explain_mixed_releases(ctx)
            or explain_undrainable(ctx, self.among(ctx))
        )

    def prepare(self, ctx: DrillContext) -> tuple[str, ...]:
        """Choose the node."""
        node = pick(ctx.rng, drainable(ctx, self.among(ctx)), "node to replace")
        warn_of_drain(ctx, node)
        return (node,)

    def expected(self, ctx: DrillContext) -> Expected:
        """Nothing may fail but what is under way when etcd's leadership moves."""
        return planned_work(
            f"pods on {ctx.target} leave the Service before they stop, and start elsewhere",
            "a control plane gives up the virtual address and leaves the balancer before it stops",
        )

    def run(self, ctx: DrillContext) -> None:
        """Remove and join, then look at what the cluster has of the node."""
        before, members = _node_uid(ctx), _members(ctx)
        again = "the replacement that has begun"
        ctx.undos.add("cordons of the replacement", lambda: uncordon_all(ctx.cluster))
        ctx.undos.add(again, lambda: _finish(ctx, before))
        _replace(ctx, "drained, removed, joined again")
        ctx.undos.drop(again)
        after = _node_uid(ctx)
        ctx.witness(ctx.target, f"Node {before}, then {after}", seen=before != after)
        with ctx.step(ctx.target, "replaced: until every member of etcd is healthy"):
            wait_whole(ctx.cluster.api)
        _check_members(ctx, members)
        with ctx.step(ctx.target, "replaced: until the app is complete again"):
            ctx.app.wait_ready()
        with ctx.step(ctx.target, "replaced: until every probe is answered"):
            wait_s = ctx.cluster.settings.timeouts.recovery
            ctx.wait_answering("*", for_s=CALM_S, seconds=wait_s, setting="recovery")


def _replace(ctx: DrillContext, how: str) -> None:
    """Run the playbook. Raises StepFailed and DeadlineExceeded."""
    variables = {
        "node_replace": ctx.target,
        # after an upgrade the inventory may still name the release of before
        "cluster_kubernetes_version": _releases(ctx)[0],
    }
    run_playbook_step(ctx, PLAYBOOK, variables, f"{ctx.target}: {how}")


def _finish(ctx: DrillContext, before: str) -> None:
    """Join a node that has left. One that never left is uncordoned, and that is all."""
    if _node_uid(ctx) != before:
        _replace(ctx, "again")


def _node_uid(ctx: DrillContext) -> str:
    return next(
        (node.metadata.uid for node in ctx.cluster.api.nodes() if node.metadata.name == ctx.target),
        "none",
    )


def _members(ctx: DrillContext) -> dict[str, str]:
    """What the etcd of each control plane calls itself, by node."""
    return {member.node: f"{member.id:x}" for member in ctx.cluster.api.etcd_members()}


def _check_members(ctx: DrillContext, before: dict[str, str]) -> None:
    """Check that a control plane came back as another member, and that the others stayed."""
    after = _members(ctx)
    changed = {name for name in after if after[name] != before[name]}
    expected = {node.name for node in ctx.cluster.inventory.control_planes} & {ctx.target}
    ctx.check(
        "members-replaced",
        "the member of etcd on the node is another one, and no other is",
        changed == expected,
        f"another one on {', '.join(sorted(changed)) or 'no node'}",
        f"another one on {', '.join(sorted(expected)) or 'no node'}",
    )


def _releases(ctx: DrillContext) -> list[str]:
    """What the cluster runs, as ["1.36.3"]: several, oldest first, in a half-done upgrade."""
    return [format_version(v).removeprefix("v") for v in sorted(set(live_versions(ctx.cluster)))]


def _explain_mixed_releases(ctx: DrillContext) -> str | None:
    """Return why no node can join; None where all run one release."""
    if len(running := _releases(ctx)) == 1:
        return None
    return f"the cluster runs {' and '.join(running)}: finish that upgrade first"


def _workers(ctx: DrillContext) -> list[str]:
    return [node.name for node in ctx.cluster.inventory.workers]


def _planes(ctx: DrillContext) -> list[str]:
    return [node.name for node in ctx.cluster.inventory.control_planes]


def _explain_missing_plane(ctx: DrillContext) -> str | None:
    """Return why no control plane can be spared; None where a majority is left without it."""
    planes = len(_planes(ctx))
    return None if planes >= 3 else f"needs 3 control planes or more, the inventory has {planes}"


_STEPS = (
    (
        "Run playbooks/node_replace.yml: drain it, take all that the cluster has of it, reset it, "
        "join it again. Each Ansible task on each host is a span."
    ),
    (
        "Check that the Node is another one, and of etcd's members the one on that node only. Wait "
        "until the application is complete and every probe is answered."
    ),
)
_EVIDENCE = "the Node has another UID than before"

DRILLS = (
    NodeReplaced(
        name="node-replaced",
        title="A worker is replaced",
        proves="a worker leaves the cluster and joins again without one failed request",
        needs="2 workers or more",
        duration_s=180,
        family=Family.NODES,
        evidence=_EVIDENCE,
        limits=Limits(app_max_failed=0),
        limits_because="planned work: no application request may fail",
        among=_workers,
        missing=explain_missing_worker,
        steps=("Choose a worker by the seed.", *_STEPS),
    ),
    NodeReplaced(
        name="plane-replaced",
        title="A control plane is replaced",
        proves="a control plane, any of them, leaves the cluster and joins again under traffic",
        needs=PLANES,
        duration_s=240,
        family=Family.NODES,
        evidence=_EVIDENCE,
        limits=Limits(app_max_failed=0, api_outage_s=1.0),
        limits_because="planned work: 0 failed application requests, the API out for 1 s at most",
        among=_planes,
        missing=_explain_missing_plane,
        steps=(
            "Choose a control plane by the seed; it may lead etcd and hold the virtual address.",
            *_STEPS,
        ),
    ),
)
