"""A node's uplink becomes slow or narrow: a queueing discipline of the kernel, set with ``tc``."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from kubedrill.base.errors import KubedrillError
from kubedrill.faults import on_node
from kubedrill.faults.base import require_known
from kubedrill.faults.network import find_place
from kubedrill.faults.node_fault import NodeFault
from kubedrill.faults.on_node import Script
from kubedrill.faults.traces import NodeTrace, Stage, register

if TYPE_CHECKING:
    from kubedrill.cluster.context import Cluster
    from kubedrill.faults.traces import Trace

DISCIPLINES = {
    "latency": "netem delay 100ms 20ms",
    "bandwidth": "tbf rate 2mbit burst 32kbit latency 400ms",
}
"""Kind → discipline. 100 ms is a link between continents, a hundred times etcd's usual round trip;
2 Mbit/s is an old DSL line: the API and etcd still get through, an image would not."""

WORDS = {"latency": "100 ms late", "bandwidth": "2 Mbit/s only"}

MARKS = ("delay 100ms", "rate 2Mbit")
"""What ``tc qdisc show`` says of a discipline that is ours, and hardly of its owner's."""

_DEFAULTS = ("noqueue", "fq_codel", "pfifo_fast", "fq", "mq")
"""Root disciplines that the kernel sets by itself, and puts back once ours is deleted."""


_DETECT = """\
tc qdisc show 2>/dev/null | while read -r _ kind _ _ dev root rest; do
  case "$kind $root $dev" in "netem root veth"* | "tbf root veth"*) ;;
    "netem root "* | "tbf root "*) out "$kind $dev" "$rest" ;;
  esac
done"""
"""Nobody's fault: a discipline on a pod's own veth (the bandwidth plugin's)."""


def _delete(what: str) -> str:
    """Delete a discipline; one that looks like the owner's is left."""
    kind, dev = what.split()
    marks = "|".join(MARKS)
    shown = (
        f"tc qdisc show dev {shlex.quote(dev)} | grep -E 'qdisc {kind} .*root' | grep -Eq '{marks}'"
    )
    owner = (
        "echo it is not one that kubedrill makes: "
        f"'tc qdisc del dev {dev} root' if nobody needs it >&2; exit 1"
    )
    return f"if {shown}; then tc qdisc del dev {shlex.quote(dev)} root; else {owner}; fi"


QUEUES = NodeTrace(
    kind="qdisc",
    text="queueing discipline {what} slows the network down ({detail})",
    stage=Stage.QUEUE,
    ours=lambda item: any(mark in item.detail for mark in MARKS),
    detect=lambda _node: _DETECT,
    repair=_delete,
)


@register
@dataclass
class Shaping(NodeFault):
    """What the node ``subject`` sends is delayed or slowed down, as ``kind`` says.

    A key of :data:`DISCIPLINES`.
    """

    traces: ClassVar[tuple[Trace, ...]] = (QUEUES, on_node.UNITS)

    kind: str

    def __post_init__(self) -> None:
        require_known(self.kind, DISCIPLINES, "shaping")

    @property
    def name(self) -> str:
        """As "network 100 ms late"."""
        return f"network {WORDS[self.kind]}"

    evidence = "the node's uplink has the discipline"

    @property
    def question(self) -> str:
        """Look for it on any uplink."""
        discipline = DISCIPLINES[self.kind].split()[0]
        return f"tc qdisc show | grep 'qdisc {discipline} .*root' | grep -Eq '{'|'.join(MARKS)}'"

    def refusal(self, cluster: Cluster) -> str | None:
        """Refuse where the kernel has no such discipline, or the owner's would be lost.

        It is tried in a network namespace of its own, which is gone with the command.
        """
        discipline = DISCIPLINES[self.kind].split()[0]
        refusal = (
            f"no {discipline} on {self.subject}: its kernel said '{{errors}}' "
            f"to 'tc qdisc add … {discipline}'"
        )
        return on_node.ask(cluster, self.subject, trial(self.kind), refusal) or self._owned(cluster)

    def script(self, cluster: Cluster) -> Script:
        """What sets the discipline, and deletes it."""
        return script(self.kind, find_place(cluster, self.subject).uplink)

    def _owned(self, cluster: Cluster) -> str | None:
        try:
            uplink = find_place(cluster, self.subject).uplink
            listed = json.loads(
                cluster.hosts.read(
                    self.subject, ["tc", "-json", "qdisc", "show", "dev", uplink]
                ).stdout
                or "[]"
            )
        except KubedrillError as error:
            return str(error)
        owned = [
            entry["kind"]
            for entry in listed
            if entry.get("root") and entry["kind"] not in _DEFAULTS
        ]
        return (
            f"{uplink} of {self.subject} has a {owned[0]} discipline of its owner, which would be "
            "lost"
            if owned
            else None
        )


def trial(kind: str) -> str:
    """The line that finds out whether the kernel has a discipline.

    >>> trial("latency")
    'unshare --net tc qdisc add dev lo root netem delay 100ms 20ms'
    """
    return f"unshare --net tc qdisc add dev lo root {DISCIPLINES[kind]}"


def script(kind: str, uplink: str) -> Script:
    """What shapes an uplink, and what takes that away; only ours is taken away."""
    discipline = DISCIPLINES[kind].split()[0]
    undo = (
        f"tc qdisc show dev {uplink} | grep -q 'qdisc {discipline} .*root' || exit 0; "
        f"tc qdisc del dev {uplink} root"
    )
    return Script(f"network-{kind}", f"tc qdisc add dev {uplink} root {DISCIPLINES[kind]}", undo)
