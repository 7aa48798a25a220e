"""A whole node, or a zone of nodes: restarted, shut down in order, paused, or lost together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from kubedrill.base.errors import DeadlineExceeded, StepFailed
from kubedrill.base.waits import Waiting, wait_for
from kubedrill.cluster.hosts import HostUnreachable
from kubedrill.cluster.undo_timer import LOAD_PREFIX, timer_argv
from kubedrill.faults import on_node
from kubedrill.faults.base import Effect, for_each, injecting
from kubedrill.faults.power import POWER_TRACES, SILENT, PowerCut, greeting, watchdog
from kubedrill.faults.traces import register

if TYPE_CHECKING:
    from kubedrill.base.model import Node
    from kubedrill.cluster.context import Cluster
    from kubedrill.faults.traces import Trace

_POLL_S = 1.0

_STARTED = "cat /proc/sys/kernel/random/boot_id; cut -d' ' -f22 /proc/1/stat"
"""Tells one boot from another: the kernel's boot id, which a container has from its host, and the
first process's start in clock ticks (proc_pid_stat(5)), which is about the same for every boot of a
machine."""


@register
@dataclass
class Shutdown(Effect):
    """The node ``subject`` is shut down in order, as an administrator would.

    Services are stopped, disks unmounted.
    """

    traces: ClassVar[tuple[Trace, ...]] = (*POWER_TRACES, on_node.UNITS)

    subject: str
    name: str = "clean shutdown"
    verb: str = "poweroff"
    comes_back: bool = False  # without being switched on
    before: str = ""  # which boot it was when the order was given

    evidence = f"{SILENT}, or one of another boot"

    def unaffected(self, cluster: Cluster, place: str) -> str | None:
        """Listen for the node, and tell its boots apart."""
        greets = greeting(cluster, place)
        if greets is None or place != self.subject:
            return greets
        same = boot(cluster, cluster.inventory.node(place)) == self.before
        return "it was not restarted" if same else None

    def available(self, cluster: Cluster) -> str | None:
        """Refuse where the power could not be given back, or etcd would lose its quorum."""
        node = cluster.inventory.node(self.subject)
        reason = cluster.power.available(node) or on_node.occupied(cluster, self.subject)
        return reason or on_node.etcd_majority(cluster, self.subject)

    def inject(self, cluster: Cluster) -> None:
        """Arm the watchdog, order it, and wait until the node is gone.

        Raises:
            KubedrillError: it could not be ordered, or the node did not go: the harness's failure,
                not the cluster's.
        """
        node = cluster.inventory.node(self.subject)
        watchdog(cluster, self.subject).arm()
        before = boot(cluster, node)
        # A second later, so that the answer to the order still comes.
        order = timer_argv(f"{LOAD_PREFIX}{self.verb}", 1, f"systemctl {self.verb}")
        with injecting():
            cluster.hosts.change(node, order)
            self.before = before
            seconds = cluster.settings.timeouts.node_boot
            wait_for(
                f"{node.name} to go down",
                lambda: _gone(cluster, node, before),
                seconds=seconds,
                setting="node_boot",
                poll_s=_POLL_S,
            )

    def heal(self, cluster: Cluster) -> None:
        """Switch it on until it answers from another boot, and disarm the watchdog.

        One that does not answer any more may be busy shutting down for minutes; switching it on
        does nothing until it is off.

        Raises:
            DeadlineExceeded: it did not boot within ``timeouts.node_boot``.
        """
        node = cluster.inventory.node(self.subject)

        def up() -> bool | Waiting:
            try:
                if not self.comes_back or cluster.power.is_off(node):
                    cluster.power.on(node)
            except StepFailed as error:
                return Waiting(str(error))
            cluster.hosts.forget(node)
            now = boot(cluster, node)
            return (
                True
                if now not in ("", self.before)
                else Waiting("not booted" if now else "no answer over SSH")
            )

        seconds = cluster.settings.timeouts.node_boot
        wait_for(f"{node.name} to boot", up, seconds=seconds, setting="node_boot", poll_s=_POLL_S)
        watchdog(cluster, self.subject).disarm()


@register
@dataclass
class Reboot(Shutdown):
    """The node ``subject`` restarts in order.

    A container does not come back by itself: then it is switched on.
    """

    name: str = "reboot"
    verb: str = "reboot"
    comes_back: bool = True

    least_s = 0.0


@register
@dataclass
class Hang(Effect):
    """The node ``subject`` is paused from outside.

    Its connections stay open, nothing of it runs, its clock goes on.
    """

    traces: ClassVar[tuple[Trace, ...]] = POWER_TRACES

    subject: str
    name: str = "hang"

    evidence = SILENT

    def unaffected(self, cluster: Cluster, place: str) -> str | None:
        """Listen for the node's SSH server."""
        return greeting(cluster, place)

    def available(self, cluster: Cluster) -> str | None:
        """Refuse where it cannot be paused from here, or etcd would lose its quorum."""
        reason = cluster.power.pause_available(
            cluster.inventory.node(self.subject)
        ) or on_node.occupied(cluster, self.subject)
        return reason or on_node.etcd_majority(cluster, self.subject)

    def inject(self, cluster: Cluster) -> None:
        """Arm the watchdog, then pause. Raises KubedrillError where that could not be done."""
        node = cluster.inventory.node(self.subject)
        watchdog(cluster, self.subject, "resume").arm()
        with injecting():
            cluster.power.pause(node)
        cluster.hosts.forget(node)

    def heal(self, cluster: Cluster) -> None:
        """Let the node go on and disarm the watchdog; one that is not paused is left as it is."""
        node = cluster.inventory.node(self.subject)
        cluster.power.resume(node)
        cluster.hosts.forget(node)
        watchdog(cluster, self.subject, "resume").disarm()


@register
@dataclass
class ZoneOutage(Effect):
    """All nodes of a zone lose their power.

    ``subject`` names the zone, ``nodes`` are those that carry its label.
    """

    traces: ClassVar[tuple[Trace, ...]] = POWER_TRACES

    subject: str
    nodes: tuple[str, ...]
    name: str = "zone power off"

    evidence = SILENT

    def unaffected(self, cluster: Cluster, place: str) -> str | None:
        """Listen for a node's SSH server."""
        return greeting(cluster, place)

    def available(self, cluster: Cluster) -> str | None:
        """Refuse a zone of no nodes, one that cannot be switched, and etcd's last majority."""
        if not self.nodes:
            return f"zone {self.subject} has no nodes"
        for name in self.nodes:
            reason = cluster.power.available(cluster.inventory.node(name)) or on_node.occupied(
                cluster, name
            )
            if reason:
                return reason
        return on_node.etcd_majority(cluster, *self.nodes)

    def inject(self, cluster: Cluster) -> None:
        """Arm each one's watchdog and cut it, one after the other.

        Raises KubedrillError where one could not be cut.
        """
        for name in self.nodes:
            PowerCut(name).inject(cluster)

    def heal(self, cluster: Cluster) -> None:
        """Give all of them their power back, though one of them fails.

        Raises:
            StepFailed: names each that could not be switched on.
        """
        for_each(self.nodes, lambda name: PowerCut(name).heal(cluster))


def boot(cluster: Cluster, node: Node) -> str:
    """Which boot of the node this is, "" where it does not answer."""
    try:
        return cluster.hosts.read(
            node, _STARTED, cluster.settings.timeouts.ssh_connect, check=False
        ).stdout.strip()
    except (HostUnreachable, DeadlineExceeded):
        return ""


def _gone(cluster: Cluster, node: Node, before: str) -> bool | Waiting:
    cluster.hosts.forget(node)
    now = boot(cluster, node)
    return True if now != before else Waiting("it still answers over SSH")
