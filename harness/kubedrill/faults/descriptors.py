"""A service of one node has no file descriptors left: it can open no file and take no connection.

Its limit is lowered (``prlimit``) below what it has open, which a leak or a burst comes to as well.
It keeps what it has open, and is not restarted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from kubedrill.faults import on_node
from kubedrill.faults.base import require_known
from kubedrill.faults.node_fault import NodeFault
from kubedrill.faults.on_node import Script
from kubedrill.faults.services import processes
from kubedrill.faults.traces import register

if TYPE_CHECKING:
    from kubedrill.cluster.context import Cluster
    from kubedrill.faults.traces import Trace

OFFERED = ("kube-apiserver", "containerd", "kubelet")

NONE_LEFT = 3
"""The lowered limit: numbers 0 to 2 are standard input, output and error, so that no further one
can be had."""

_LIMIT_OF = "prlimit --nofile --noheadings --output SOFT --pid"

_RUNS = '[ -n "$pid" ] && [ "$pid" != 0 ]'
"""systemd says 0 of a service that does not run, which prlimit takes for itself."""


@register
@dataclass
class DescriptorsUsedUp(NodeFault):
    """``service`` (of :data:`OFFERED`) on the node ``subject`` has no file descriptors left."""

    traces: ClassVar[tuple[Trace, ...]] = (on_node.FILES, on_node.UNITS)

    service: str

    def __post_init__(self) -> None:
        require_known(self.service, OFFERED, "service")

    @property
    def name(self) -> str:
        """As "kube-apiserver out of file descriptors"."""
        return f"{self.service} out of file descriptors"

    evidence = "the service's process may open no further file, or has ended by that"
    lasts = False  # what ended by it is started anew, with a limit of its own

    @property
    def question(self) -> str:
        """Look at the limit of the very process."""
        file = f"/run/kubedrill-fault-files-{self.service}"
        return (
            f"read -r pid soft < {file} && {{ [ ! -e /proc/$pid ] || "
            f'[ "$({_LIMIT_OF} "$pid" | tr -d " ")" = {NONE_LEFT} ]; }}'
        )

    def refusal(self, cluster: Cluster) -> str | None:
        """Refuse a service that does not run, cannot be limited, or is the last of its kind."""
        planes = [node.name for node in cluster.inventory.control_planes]
        if self.service == "kube-apiserver" and len(planes) < 2:
            return (
                f"{self.service} on {self.subject} is the last of its kind: no other control plane"
            )
        # to ask for the limit needs the same right as to set it
        ask = (
            f'pid="{processes(self.service)}"; {_RUNS} || {{ echo it does not run >&2; exit 1; }}; '
            'prlimit --pid "$pid" --nofile --noheadings'
        )
        refusal = f"the limit of {self.service} on {self.subject} cannot be lowered: {{errors}}"
        return on_node.ask(cluster, self.subject, ask, refusal)

    def script(self, cluster: Cluster) -> Script:
        """What lowers the limit, and raises it again; one that was started since has its own."""
        del cluster
        return use_up(self.service)


def use_up(service: str, folder: str = "/run", process: str = "") -> Script:
    """What takes a service's descriptors away, and gives them back to the very same process."""
    file = f"{folder}/kubedrill-fault-files-{service}"
    inject = (
        f'pid="{process or processes(service)}"; {_RUNS} && soft=$({_LIMIT_OF} "$pid") && '
        f'[ "$soft" -gt {NONE_LEFT} ] && '
        f'echo "$pid" $soft > {file} && prlimit --pid "$pid" --nofile={NONE_LEFT}:'
    )
    same = f'[ "$({_LIMIT_OF} "$pid" 2>/dev/null | tr -d " ")" = {NONE_LEFT} ]'
    undo = (
        f"if [ -e {file} ]; then read -r pid soft < {file}; "
        f'if {same}; then prlimit --pid "$pid" --nofile="$soft": || exit 1; fi; rm {file}; fi'
    )
    return Script(f"files-{service}", inject, undo)
