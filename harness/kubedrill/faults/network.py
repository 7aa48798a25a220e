"""Packets of one node are dropped, by nftables rules in a table of kubedrill's.

The harness keeps its SSH session: what comes from its address to the SSH port, and the answers, is
let through first. Loopback is never touched. Rules are loaded in one transaction, and removing the
table removes all of them.
"""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from kubedrill.base.errors import KubedrillError
from kubedrill.faults import on_node
from kubedrill.faults.base import injecting, require_known
from kubedrill.faults.node_fault import NodeFault
from kubedrill.faults.on_node import Script
from kubedrill.faults.traces import NodeTrace, Stage, register

if TYPE_CHECKING:
    from kubedrill.cluster.context import Cluster
    from kubedrill.faults.traces import Trace

TABLE = "kubedrill_fault"
"""Name of our table, in the families inet, arp and netdev."""

PARTITIONS = {
    "all": "cut off from every other node",
    "etcd": "etcd cut off from its peers",
    "api": "cut off from the API",
    "outgoing": "hears others, is not heard",
    "incoming": "is heard, hears nobody",
    "dns": "DNS cut",
    "loss": "loses packets",
}
"""Kind → what the timeline calls it."""

LOSS_PERCENT = 30
"""Share of packets lost in "loss": TCP still moves, slowly, and a probe of one second often
fails."""

ETCD_PEER_PORT = 2380
"""kubeadm's port between etcd members (kubeadm, constants.EtcdListenPeerPort)."""

APISERVER_PORT = 6443
"""kubeadm's default port of an API server (localAPIEndpoint.bindPort)."""

_DROP = "counter drop"
"""The count is the evidence that something was dropped."""

_PRIORITY = -150
"""Before every filter of kube-proxy, flannel and the host (0), after defragmentation and connection
tracking."""


@dataclass(frozen=True, slots=True)
class Place:
    """A node's uplink interface, and the client and the port of the harness's SSH session."""

    uplink: str
    client: str
    ssh_port: int


_DETECT_TABLES = f"""\
nft list tables 2>/dev/null | while read -r _ family name; do
  case $name in {TABLE}*) out "$family $name" ;; esac
done"""

TABLES = NodeTrace(
    kind="table",
    text="firewall table {what} of a fault is still there",
    stage=Stage.FIREWALL,
    detect=lambda _node: _DETECT_TABLES,
    repair=lambda table: f"nft delete table {shlex.join(table.split())}",
)


@register
@dataclass
class Partition(NodeFault):
    """Drops packets of the node ``subject`` as ``kind`` says (a key of :data:`PARTITIONS`)."""

    traces: ClassVar[tuple[Trace, ...]] = (TABLES, on_node.UNITS)

    kind: str

    def __post_init__(self) -> None:
        require_known(self.kind, PARTITIONS, "partition")

    @property
    def name(self) -> str:
        """As "etcd cut off from its peers"."""
        return PARTITIONS[self.kind]

    evidence = "the node's firewall has dropped packets of the kind"
    question = f"nft list table inet {TABLE} | grep -q 'counter packets [1-9]'"

    def refusal(self, cluster: Cluster) -> str | None:
        """Refuse where the kernel or nft refuses the rules, or etcd would lose its quorum.

        nft checks the rules, which asks the kernel and changes nothing.
        """
        if self.kind == "etcd" and not cluster.inventory.node(self.subject).is_control_plane:
            return f"{self.subject} has no etcd member; name a control plane"
        if self.kind not in ("api", "dns"):
            below = on_node.etcd_majority(cluster, self.subject)
            if below:
                return below
        try:
            check = load(self._rules(cluster), "--check")
        except KubedrillError as error:
            return str(error)
        refusal = f"{self.subject} cannot drop packets with nftables: {{errors}}"
        return on_node.ask(cluster, self.subject, check, refusal)

    def script(self, cluster: Cluster) -> Script:
        """What loads the rules, and removes them."""
        return Script(f"network-{self.kind}", load(self._rules(cluster)), UNDO)

    def heal(self, cluster: Cluster) -> None:
        """Remove the table and disarm the undo; the node need not tell its place for that."""
        on_node.heal(cluster, self.subject, Script(f"network-{self.kind}", "", UNDO))

    def _rules(self, cluster: Cluster) -> str:
        planes = [node.address for node in cluster.inventory.control_planes]
        virtual, port = cluster.inventory.endpoint_address, cluster.inventory.api_port
        return ruleset(self.kind, find_place(cluster, self.subject), planes, virtual, port)


UNDO = "; ".join(
    f"printf 'add table {f} {TABLE}\\ndelete table {f} {TABLE}\\n' | nft -f -"
    for f in ("arp", "netdev", "inet")
)
"""Removes the tables, also where one is not there. A kernel without arp tables complains about the
first, which does not count: the last command's result does."""


def load(rules: str, *options: str) -> str:
    """The line that gives rules to nft."""
    return f"nft {' '.join([*options, '-f', '-'])} <<'EOF'\n{rules}EOF"


def find_place(cluster: Cluster, node: str) -> Place:
    """Where the node stands, asked of the node.

    The way to another node, and the SSH session that asks.

    Raises:
        KubedrillError: the node does not say.
    """
    peer = next((other.address for other in cluster.inventory.nodes if other.name != node), None)
    if peer is None:
        raise KubedrillError(f"{node} is the only node: there is nobody to cut it off from")
    with injecting("where the node stands is not known"):
        routes = json.loads(cluster.hosts.read(node, ["ip", "-json", "route", "get", peer]).stdout)
        session = cluster.hosts.read(
            node, 'echo "$SSH_CONNECTION"', check=False, sudo=False
        ).stdout.split()
    if len(session) != 4 or not routes:
        raise KubedrillError(
            f"{node} does not tell where its SSH session comes from; expected sshd's SSH_CONNECTION"
        )
    return Place(routes[0]["dev"], session[0], int(session[3]))


def ruleset(kind: str, place: Place, planes: list[str], virtual: str, api_port: int) -> str:
    """The whole table for one kind, as text for ``nft -f -``.

    It replaces one that is there.
    """
    into, out, through = _drops(kind, place, planes, virtual, api_port)
    family = "ip6" if ":" in place.client else "ip"
    ours_in = f"{family} saddr {place.client} tcp dport {place.ssh_port} accept"
    ours_out = f"{family} daddr {place.client} tcp sport {place.ssh_port} accept"
    neighbours = "icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept"
    chains = [
        _chain("input", ['iifname "lo" accept', ours_in, neighbours, *into]),
        _chain("output", ['oifname "lo" accept', ours_out, neighbours, *out]),
        _chain("forward", through),
    ]
    text = _table("inet", chains)
    if kind in ("all", "outgoing", "incoming") and ":" not in virtual:
        # A node that still holds the virtual address must not answer for it on a wire that it is
        # cut off from. keepalived announces it by packet sockets, which only the device's own hook
        # sees (Linux 5.16).
        silence = [f"arp daddr ip {virtual} drop", f"arp saddr ip {virtual} drop"]
        text += _table("arp", [_chain("input", silence, 0)])
        text += _table(
            "netdev", [_chain(f'egress device "{place.uplink}"', silence, 0, name="egress")]
        )
    return text


def _drops(
    kind: str, place: Place, planes: list[str], virtual: str, api_port: int
) -> tuple[list[str], list[str], list[str]]:
    """Rules for what comes in, goes out and is forwarded (pods' packets).

    Overlay packets are the node's own.
    """
    come, go = f'iifname "{place.uplink}"', f'oifname "{place.uplink}"'
    some = f"{come} numgen random mod 100 < {LOSS_PERCENT} {_DROP}"
    peers = [f"tcp dport {ETCD_PEER_PORT} {_DROP}", f"tcp sport {ETCD_PEER_PORT} {_DROP}"]
    dns = [f"meta l4proto {{ tcp, udp }} th {end} 53 {_DROP}" for end in ("dport", "sport")]
    all_in, all_out = f"{come} {_DROP}", f"{go} {_DROP}"
    to_api, from_api = _api_rules(planes, virtual, api_port)
    return {
        "all": ([all_in], [all_out], [all_in, all_out]),
        "outgoing": ([], [all_out], [all_out]),
        "incoming": ([all_in], [], [all_in]),
        "loss": ([some], [], [some]),
        "etcd": (peers, peers, []),
        "dns": (dns, dns, dns),
        "api": ([from_api], [to_api], [to_api, from_api]),
    }[kind]


def _api_rules(planes: list[str], virtual: str, api_port: int) -> tuple[str, str]:
    """Rules for what goes to API servers, also by the virtual address, and comes from them."""
    ports = f"{{ {', '.join(str(port) for port in sorted({APISERVER_PORT, api_port}))} }}"
    addresses = f"{{ {', '.join([*planes, virtual])} }}"
    family = "ip6" if ":" in virtual else "ip"
    return (
        f"{family} daddr {addresses} tcp dport {ports} {_DROP}",
        f"{family} saddr {addresses} tcp sport {ports} {_DROP}",
    )


def _table(family: str, chains: list[str]) -> str:
    name = f"table {family} {TABLE}"
    return "\n".join([name, f"delete {name}", f"{name} {{", *chains, "}", ""])


def _chain(hook: str, rules: list[str], priority: int = _PRIORITY, name: str = "") -> str:
    lines = [
        f"    type filter hook {hook} priority {priority}; policy accept;",
        *(f"    {rule}" for rule in rules),
    ]
    return "\n".join([f"  chain {name or hook} {{", *lines, "  }"])
