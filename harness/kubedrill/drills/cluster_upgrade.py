"""Rolling upgrade of the cluster to the next Kubernetes release, under traffic.

When it is interrupted, nodes that it cordoned are uncordoned; running the playbook again completes
the upgrade.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kubedrill.base.model import Leaves
from kubedrill.config.limits import Limits
from kubedrill.core.drill import Drill, Family
from kubedrill.core.predictions import only_plane_swapped, planned_work
from kubedrill.core.programs import read_programs, record_programs
from kubedrill.core.upgrades import (
    UPGRADED,
    check_upgraded,
    choose_release,
    explain_missing_bundle,
    run_upgrade,
    running_versions,
    uncordon_all,
    witness_upgrade,
)

if TYPE_CHECKING:
    from kubedrill.core.context import DrillContext
    from kubedrill.core.predictions import Expected


class ClusterUpgrade(Drill):
    """Upgrade Kubernetes node by node."""

    def unavailable(self, ctx: DrillContext) -> str | None:
        """Needs a newer bundle."""
        return explain_missing_bundle(ctx)

    def prepare(self, ctx: DrillContext) -> tuple[str, ...]:
        """Name all nodes."""
        return tuple(node.name for node in ctx.cluster.inventory.nodes)

    def expected(self, ctx: DrillContext) -> Expected:
        """The app must not notice; the API may be out for a moment."""
        timers = ctx.timers
        return planned_work(
            "each node is drained before it is touched: pods leave the Service before they stop",
            "each API server is taken out of the balancer before it stops; a request under way "
            f"when the virtual address or etcd's leadership moves may fail ({timers.vrrp_advert}, "
            f"{timers.etcd_election})",
            only_plane_swapped(
                timers, [node.name for node in ctx.cluster.inventory.control_planes]
            ),
        )

    def run(self, ctx: DrillContext) -> None:
        """Run the playbook and check the versions."""
        version, before = choose_release(ctx.cluster), running_versions(ctx.cluster)
        programs = read_programs(ctx.cluster)
        ctx.undos.add("cordons of the upgrade", lambda: uncordon_all(ctx.cluster))
        run_upgrade(ctx, version, f"upgrade to {version}")
        check_upgraded(ctx, version)
        record_programs(ctx, programs)
        witness_upgrade(ctx, before)


DRILLS = (
    ClusterUpgrade(
        name="cluster-upgrade",
        title="Rolling upgrade of Kubernetes",
        proves=(
            "the cluster moves to the next release node by node while the app and the API stay up"
        ),
        needs="a release bundle one minor version ahead (kubedrill bundle build)",
        duration_s=420,
        family=Family.UPGRADES,
        order=3,
        standard=True,
        leaves=Leaves.UPGRADED,
        evidence=UPGRADED,
        limits=Limits(app_max_failed=0, api_outage_s=1.0),
        limits_because="0 failed application requests, the API out for 1 s at most at a time",
        steps=(
            (
                "Take the newest release that has a bundle and is at most one minor version ahead "
                "of "
                "the oldest node, or the one that the setting ``upgrade_to`` names."
            ),
            (
                "Run playbooks/upgrade.yml. Each Ansible task on each host is a span, so that a "
                "failed request names its step."
            ),
            "Check that every node, the API server and etcd run the new versions.",
        ),
    ),
)
