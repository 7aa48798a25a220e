"""Power cut to a node from outside.

A watchdog on the harness host gives it back if the harness dies.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from kubedrill.base.errors import StepFailed
from kubedrill.base.waits import Waiting, wait_for
from kubedrill.cluster.power import greets
from kubedrill.cluster.watchdog import Watchdog, armed_watchdogs, end_watcher, idle_watchers
from kubedrill.faults import on_node
from kubedrill.faults.base import Effect, injecting
from kubedrill.faults.traces import HarnessTrace, HiddenTrace, Stage, add_trace, register

if TYPE_CHECKING:
    from kubedrill.cluster.context import Cluster
    from kubedrill.faults.traces import Leftover, Reach, Trace


SILENT = "no SSH server greets on the node"

GREETED_S = 2.0
"""Seconds to listen for a node that should be silent: sshd greets in milliseconds."""

HARNESS_HOST = "the harness host"


def _power_on(reach: Reach, item: Leftover) -> None:
    """Resume the node, then switch it on.

    One that is off cannot be resumed, which some commands call a failure.
    """
    node = reach.inventory.node(item.where)
    refusal = ""
    try:
        reach.power.resume(node)
    except StepFailed as error:
        refusal = f"{error}; "
    try:
        reach.power.on(node)
    except StepFailed as error:
        raise StepFailed(f"{refusal}{error}") from error
    reach.hosts.forget(node)


def _await_boot(reach: Reach, item: Leftover) -> None:
    def boots() -> bool | Waiting:
        return True if reach.hosts.reachable(item.where) else Waiting("no answer over SSH")

    seconds = reach.settings.timeouts.node_boot
    what = f"{item.where} to answer over SSH"
    wait_for(what, boots, seconds=seconds, setting="node_boot", poll_s=2.0)


def _do_what_the_watchdog_would(reach: Reach, item: Leftover) -> None:
    _power_on(reach, item)
    Watchdog(reach.inventory, item.where, 0, 0).disarm()


UNREACHABLE = add_trace(
    HiddenTrace(
        kind="unreachable",
        text="{what}: {detail}",
        stage=Stage.POWER,
        repair=_power_on,
        settle=_await_boot,
    )
)

WATCHDOG = HarnessTrace(
    kind="watchdog",
    text="power watchdog still armed ({detail})",
    stage=Stage.WATCHDOG,
    detect=lambda inventory: [
        (node, "watchdog", "on the harness host") for node in armed_watchdogs(inventory)
    ],
    repair=_do_what_the_watchdog_would,
)

WATCHER = HarnessTrace(
    kind="process",
    text="process {what} ({detail}) of a run that is over still runs",
    stage=Stage.WATCHER,
    detect=lambda inventory: [
        (HARNESS_HOST, str(pid), "watchdog") for pid in idle_watchers(inventory)
    ],
    repair=lambda reach, item: end_watcher(reach.inventory, int(item.what)),
)

POWER_TRACES = (WATCHDOG, WATCHER)


@register
@dataclass
class PowerCut(Effect):
    """Cuts a node's power as a failed supply would.

    Nothing on the node is asked, flushed or stopped.
    """

    traces: ClassVar[tuple[Trace, ...]] = POWER_TRACES
    stops_etcd: ClassVar[bool] = True

    subject: str
    name: str = "power off"

    evidence = SILENT

    def available(self, cluster: Cluster) -> str | None:
        """Say why the node's power cannot be switched from here, None when it can."""
        return cluster.power.available(cluster.inventory.node(self.subject))

    def unaffected(self, cluster: Cluster, place: str) -> str | None:
        """Listen for a node's SSH server."""
        return greeting(cluster, place)

    def inject(self, cluster: Cluster) -> None:
        """Arm the watchdog, then cut the power.

        Raises:
            KubedrillError: the power could not be cut: the harness's failure, not the cluster's.
        """
        node = cluster.inventory.node(self.subject)
        watchdog(cluster, self.subject).arm()
        with injecting():
            cluster.power.off(node)
        cluster.hosts.forget(node)

    def heal(self, cluster: Cluster) -> None:
        """Give the power back and disarm the watchdog; a node that is on stays on."""
        node = cluster.inventory.node(self.subject)
        cluster.power.on(node)
        cluster.hosts.forget(node)
        watchdog(cluster, self.subject).disarm()


def greeting(cluster: Cluster, node: str) -> str | None:
    """Say that a node's SSH server greets; None while it is silent."""
    target = cluster.inventory.node(node)
    options = cluster.hosts.options(target)
    if options.proxy_command:  # nobody greets here but the proxy
        cluster.hosts.forget(target)
        greets_here = cluster.hosts.reachable(target)
    else:
        greets_here = greets(options, GREETED_S)
    return "its SSH server greets" if greets_here else None


def watchdog(cluster: Cluster, node: str, verb: str = "on") -> Watchdog:
    """The undo on the harness host: a node that is off or paused can keep no timer."""
    power_s = cluster.settings.timeouts.power
    return Watchdog(cluster.inventory, node, power_s, on_node.undo_seconds(cluster), verb)
