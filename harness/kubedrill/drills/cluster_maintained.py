"""Maintenance of every node, with a boot of each, under traffic.

By hand: ``ansible-playbook playbooks/maintain.yml -e maintain_reboot=always``, ``cut -d' ' -f22
/proc/1/stat``.
"""

from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING, Any

from kubedrill.base.model import DOWN, Span
from kubedrill.cluster.power_switch import find_switch
from kubedrill.config.limits import Limits
from kubedrill.core.ansible_lane import run_playbook_step
from kubedrill.core.choices import explain_missing_worker, explain_undrainable
from kubedrill.core.drill import Drill, Family
from kubedrill.core.etcd_leadership import wait_whole
from kubedrill.core.node_loss import CALM_S
from kubedrill.core.predictions import only_plane_swapped, planned_work
from kubedrill.core.upgrades import uncordon_all
from kubedrill.faults.node import boot

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kubedrill.cluster.context import Cluster
    from kubedrill.cluster.playbooks import TaskEvent
    from kubedrill.core.context import DrillContext
    from kubedrill.core.predictions import Expected
    from kubedrill.record import RecordWriter

PLAYBOOK = "maintain.yml"
BOOTS = ("Boot the machine", "Shut the container down")
HEALTHY = "Wait until the node is healthy"
"""Tasks of the role, between which a node is down."""


class ClusterMaintained(Drill):
    """Drain, boot and uncordon every node."""

    def unavailable(self, ctx: DrillContext) -> str | None:
        """Needs nodes that can be spared, and that come back after a boot."""
        names = [node.name for node in ctx.cluster.inventory.nodes]
        return explain_missing_worker(ctx) or explain_undrainable(ctx, names)

    def prepare(self, ctx: DrillContext) -> tuple[str, ...]:
        """Name all nodes."""
        return tuple(node.name for node in ctx.cluster.inventory.nodes)

    def expected(self, ctx: DrillContext) -> Expected:
        """The app must not notice; the API may be out for a moment."""
        timers = ctx.timers
        return planned_work(
            "each node is drained before it boots: pods leave the Service before they stop",
            "a control plane gives up the virtual address and leaves the balancer before it boots; "
            f"a request under way then may fail ({timers.vrrp_advert}, {timers.etcd_election})",
            only_plane_swapped(
                timers, [node.name for node in ctx.cluster.inventory.control_planes]
            ),
        )

    def run(self, ctx: DrillContext) -> None:
        """Maintain, and compare which boot each node is in."""
        cluster = ctx.cluster
        before = read_boots(cluster)
        # Packages depend on the day and on a mirror; the boots are what users could feel.
        variables = {"maintain_packages": "none", **switches(cluster)}
        again = "the maintenance that has begun"
        ctx.undos.add("cordons of the maintenance", lambda: uncordon_all(cluster))
        ctx.undos.add(
            again,
            lambda: run_playbook_step(
                ctx, PLAYBOOK, {**variables, "maintain_reboot": "never"}, "finish the maintenance"
            ),
        )
        always = {"maintain_reboot": "always", "maintain_reboot_interval": 0}
        boots = DownNodes(ctx.writer)
        run_playbook_step(ctx, PLAYBOOK, {**variables, **always}, "boot every node", boots.take)
        ctx.undos.drop(again)
        check_boots(ctx, before, read_boots(cluster))
        check_cordons(ctx)
        with ctx.step("cluster", "maintained: until every member of etcd is healthy"):
            wait_whole(cluster.api)
        with ctx.step("cluster", "maintained: until the app is complete again"):
            ctx.app.wait_ready()
        with ctx.step("cluster", "maintained: until every probe is answered"):
            seconds = cluster.settings.timeouts.recovery
            ctx.wait_answering("*", for_s=CALM_S, seconds=seconds, setting="recovery")


class DownNodes:
    """Writes when each node was down: from its boot until the pods of DaemonSets ran there again.

    A prober on it sees nothing meanwhile, or its own node that is not ready.
    """

    def __init__(self, writer: RecordWriter) -> None:
        self._writer, self._since = writer, dict[str, int]()

    def take(self, event: TaskEvent) -> None:
        """See one event of the playbook."""
        if event.task in BOOTS:
            if event.kind == "start":
                self._since[event.host] = event.at
            elif event.kind == "skipped":
                self._since.pop(event.host, None)
        elif event.task == HEALTHY and event.kind == "ok" and event.host in self._since:
            begin = self._since.pop(event.host)
            self._writer.span(Span(DOWN, event.host, "boots", begin, event.at))


def read_boots(cluster: Cluster) -> dict[str, str]:
    """Which boot each node is in, "" where it does not answer."""
    boots = {}
    for node in cluster.inventory.nodes:
        cluster.hosts.forget(node)  # the connection of before a boot
        boots[node.name] = boot(cluster, node)
    return boots


def switches(cluster: Cluster) -> dict[str, Any]:
    """Variables by which the playbook starts nodes that are containers of this host.

    Their inventory has no commands for it.
    """
    ways = {node.name: find_switch(node, cluster.inventory) for node in cluster.inventory.nodes}
    containers = {name: switch for name, switch in ways.items() if switch and switch.container}
    if len(containers) < len(ways):  # machines, which come back by themselves
        return {}
    on = {name: shlex.join(switch.on) for name, switch in containers.items()}
    off = {name: shlex.join(switch.off) for name, switch in containers.items()}
    return {
        "power_on": f"{{{{ {json.dumps(on)}[inventory_hostname] }}}}",
        "power_off": f"{{{{ {json.dumps(off)}[inventory_hostname] }}}}",
    }


def check_boots(ctx: DrillContext, before: Mapping[str, str], after: Mapping[str, str]) -> None:
    """Compare which boot each node is in; this is the evidence too."""
    same = [
        f"{name} {'has not booted' if after[name] else 'does not answer'}"
        for name, identity in before.items()
        if after[name] in ("", identity)
    ]
    actual = ", ".join(same) or f"all {len(before)} have booted"
    ctx.witness("cluster", actual, seen=bool(before) and not same)
    ctx.check(
        "nodes-booted",
        "every node has booted",
        bool(before) and not same,
        actual,
        "each node is in another boot than before",
    )


def check_cordons(ctx: DrillContext) -> None:
    """Check that every node takes pods again: drills start on clusters without cordons."""
    cordoned = [node.metadata.name for node in ctx.cluster.api.nodes() if node.spec.unschedulable]
    ctx.check(
        "nodes-uncordoned",
        "every node takes pods again",
        not cordoned,
        ", ".join(cordoned) or "none is cordoned",
        "none is cordoned",
    )


DRILLS = (
    ClusterMaintained(
        name="cluster-maintained",
        title="Every node is drained and booted",
        proves="nodes are maintained one at a time, with a boot of each, while app and API stay up",
        needs="2 workers or more, and containers whose power can be switched from here",
        duration_s=480,
        family=Family.NODES,
        only_by_name=True,
        vantages=2,
        evidence="every node is in another boot than before",
        limits=Limits(app_max_failed=0, api_outage_s=1.0),
        limits_because="planned work: 0 failed application requests, the API out for 1 s at most",
        steps=(
            "Note which boot each node is in.",
            (
                "Run playbooks/maintain.yml with a boot of every node, workers first. Each Ansible "
                "task on each host is a span."
            ),
            (
                "Check that every node has booted and takes pods again. Wait until etcd and the "
                "application are complete and every probe is answered."
            ),
        ),
    ),
)
