"""The data of one etcd member are gone, and a new member takes its place."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from kubedrill.base.errors import DeadlineExceeded, StepFailed
from kubedrill.cluster.etcd import ETCDCTL, Listed, read_list
from kubedrill.cluster.undo_timer import NodeUndo
from kubedrill.faults import on_node
from kubedrill.faults.etcd_data import DATA, NO_DATA, REPLACE_S, functions, lose
from kubedrill.faults.node_fault import NodeFault
from kubedrill.faults.on_node import ASIDE, Script
from kubedrill.faults.static_pods import MANIFESTS, STATIC_POD_TRACES
from kubedrill.faults.traces import register

if TYPE_CHECKING:
    from kubedrill.cluster.context import Cluster
    from kubedrill.faults.traces import Trace

PARTS = ("etcd", "kube-apiserver")
"""What is parked meanwhile. The API server beside the member has nothing to serve from, and does
not refuse but hangs: its node's kubelet would wait for it, a minute a question, before it starts
the changed etcd."""


@register
@dataclass
class MemberLoss(NodeFault):
    """The data of the etcd member on ``subject`` are gone.

    :meth:`replace` makes a new member of it.
    """

    traces: ClassVar[tuple[Trace, ...]] = (
        *STATIC_POD_TRACES,
        on_node.ASIDES,
        on_node.FILES,
        on_node.UNITS,
    )

    name: str = "etcd data lost"
    finishing: str = ""  # what finishes a replacement that has begun

    evidence = "etcd's data are moved aside on the node"
    lasts = False  # until a new member takes its place
    question = NO_DATA

    def refusal(self, cluster: Cluster) -> str | None:
        """Refuse a node without a member, and where the others are no majority."""
        if not cluster.inventory.node(self.subject).is_control_plane:
            return f"{self.subject} has no etcd member; name a control plane"
        return on_node.etcd_majority(cluster, self.subject)

    def script(self, cluster: Cluster) -> Script:
        """What stops the member and its API server and moves the data aside, and gives it back."""
        del cluster
        return lose("member", PARTS)

    def replace(self, cluster: Cluster) -> None:
        """Remove the old member from etcd and join a new one.

        From here on the armed undo finishes the replacement.

        Raises:
            StepFailed: etcd or the node refused; carries its own words.
            DeadlineExceeded: the new member did not catch up.
        """
        members = others_list(cluster, self.subject)
        line = replacement(self.subject, members, cluster.inventory.node(self.subject).address)
        # The first undo fires earlier than this one: should the harness die here, it wins, and this
        # one finds all well.
        NodeUndo(cluster.hosts, self.subject, "etcd-new-member", line).arm(
            on_node.undo_seconds(cluster)
        )
        NodeUndo(cluster.hosts, self.subject, "etcd-member", "").disarm()
        self.finishing = line
        cluster.hosts.change(self.subject, line, REPLACE_S)

    def heal(self, cluster: Cluster) -> None:
        """Give the data back, or finish the replacement once it has begun.

        Etcd takes no removed member back.

        Raises:
            StepFailed: the node is out of reach or refused; carries its own words.
        """
        if not self.finishing:
            super().heal(cluster)
            return
        cluster.hosts.change(self.subject, self.finishing, REPLACE_S)
        NodeUndo(cluster.hosts, self.subject, "etcd-new-member", self.finishing).disarm()


def replacement(
    node: str, members: list[Listed], address: str, data: str = DATA, manifests: str = MANIFESTS
) -> str:
    """What makes a new member of a node whose data are gone.

    Safe to repeat, and where it is done already.

    The new member is a learner until it has caught up, as ``kubeadm join`` does it, so that it
    never counts for the quorum while it has no data. Its manifest gets what kubeadm writes for a
    control plane that joins.
    """
    clients = [one.client_url for one in members if one.client_url and one.name != node]
    etcdctl = shlex.split(ETCDCTL.replace("https://127.0.0.1:2379", ",".join(clients)))
    url = next((one.peer_url for one in members if one.name == node), f"https://{address}:2380")
    script = on_node.read_script("replace_etcd_member.sh", node, url, data, ASIDE, *etcdctl)
    return functions(manifests) + script


def others_list(cluster: Cluster, node: str) -> list[Listed]:
    """The members of etcd, as the first control plane lists them that answers and is not ``node``.

    Raises:
        StepFailed: none does.
    """
    errors = []
    for other in cluster.inventory.control_planes:
        if other.name != node:
            try:
                return read_list(cluster.hosts, other.name)
            except (StepFailed, DeadlineExceeded) as error:
                errors.append(str(error))
    raise StepFailed(
        f"no other member of etcd lists its members: {'; '.join(errors) or 'there is no other'}"
    )
