"""The clock of one node is wrong, and nothing corrects it.

Not available on a container, which has its host's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from kubedrill.faults import on_node
from kubedrill.faults.node_fault import NodeFault
from kubedrill.faults.on_node import Script
from kubedrill.faults.service_traces import SERVICE_DOWN
from kubedrill.faults.traces import register

if TYPE_CHECKING:
    from kubedrill.cluster.context import Cluster
    from kubedrill.faults.traces import Trace

SKEW_S = 600
"""Seconds that the clock is ahead: more than any lease, grace period or election of Kubernetes,
less than any token."""

_FILE = "/run/kubedrill-fault-clock"
"""What the clock said at boot, in ms, and the services that keep it; gone with a boot, as a wrong
clock mostly is."""

_KEEPERS = "chrony chronyd systemd-timesyncd ntp ntpd ntpsec openntpd"

_UP_MS = "$(sed 's/^\\([0-9]*\\)\\.\\([0-9][0-9]\\).*/\\1\\20/' /proc/uptime)"


@register
@dataclass
class ClockSkew(NodeFault):
    """The clock of the node ``subject`` is ``seconds`` ahead."""

    traces: ClassVar[tuple[Trace, ...]] = (on_node.FILES, SERVICE_DOWN, on_node.UNITS)

    seconds: int = SKEW_S

    @property
    def name(self) -> str:
        """As "clock 600 s ahead"."""
        return f"clock {self.seconds} s ahead"

    evidence = "the node's clock is ahead of the time since its boot"

    @property
    def question(self) -> str:
        """Compare with what the clock said at boot; half of the skew is enough."""
        return f"[ $(($(date +%s%3N) - {_UP_MS} - $(head -n 1 {_FILE}))) -gt {self.seconds * 500} ]"

    def refusal(self, cluster: Cluster) -> str | None:
        """Refuse a node whose clock is not its own."""
        shared = (
            f"{self.subject} is a container: its clock is its host's, of every node there and of "
            "the harness"
        )
        return on_node.ask(cluster, self.subject, on_node.NO_CONTAINER, shared)

    def script(self, cluster: Cluster) -> Script:
        """What stops those that keep the clock and sets it; and the other way round.

        The undo's timer runs by the monotonic clock, which is not set.
        """
        del cluster
        return skew(self.seconds)


def skew(seconds: int, file: str = _FILE) -> Script:
    """What sets a clock wrong, and what sets it right.

    By the time since boot, which nobody can set.
    """
    active = "if systemctl is-active --quiet $unit; then echo $unit; fi"
    keepers = f"for unit in {_KEEPERS}; do {active}; done"
    inject = (
        f"echo $(($(date +%s%3N) - {_UP_MS})) > {file} && {keepers} >> {file} && "
        f"sed 1d {file} | xargs -r systemctl stop && "
        f"date -s @$(($(date +%s) + {seconds})) >/dev/null"
    )
    right = (
        f"now=$(($(head -n 1 {file}) + {_UP_MS})); "
        "date -s @$((now / 1000)).$(printf %03d $((now % 1000))) >/dev/null"
    )
    start = f"sed 1d {file} | xargs -r systemctl start || exit 1"
    undo = f"if [ -e {file} ]; then {right} || exit 1; {start}; rm {file}; fi"
    return Script("clock", inject, undo)
