"""The data of one etcd member are gone, and a new member takes its place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from kubedrill.base.errors import DeadlineExceeded, StepFailed
from kubedrill.cluster.etcd import ETCDCTL, Listed, read_list
from kubedrill.cluster.undo_timer import NodeUndo
from kubedrill.faults import on_node
from kubedrill.faults.etcd_data import DATA, REPLACE_S, lose, parked, start, stop
from kubedrill.faults.on_node import ASIDE
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
class MemberLoss:
    """The data of the etcd member on ``subject`` are gone.

    :meth:`replace` makes a new member of it.
    """

    traces: ClassVar[tuple[Trace, ...]] = (
        *STATIC_POD_TRACES,
        on_node.ASIDES,
        on_node.FILES,
        on_node.UNITS,
    )

    subject: str
    name: str = "etcd data lost"
    finishing: str = ""  # what finishes a replacement that has begun

    def available(self, cluster: Cluster) -> str | None:
        """Why not: a fault is there already, it has no member, or the others are no majority."""
        if not cluster.inventory.node(self.subject).is_control_plane:
            return f"{self.subject} has no etcd member; name a control plane"
        return on_node.occupied(cluster, self.subject) or on_node.etcd_majority(
            cluster, [self.subject]
        )

    def inject(self, cluster: Cluster) -> None:
        """Arm the undo, then stop the member and its API server, and move the data aside.

        Raises:
            StepFailed: the node refused; carries its own words.
        """
        on_node.inject(cluster, self.subject, lose("member", PARTS))

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
            on_node.heal(cluster, self.subject, lose("member", PARTS))
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
    client = ETCDCTL.replace("https://127.0.0.1:2379", ",".join(clients))
    url = next((one.peer_url for one in members if one.name == node), f"https://{address}:2380")
    away, added = f"{data}/member{ASIDE}", f"{data}/kubedrill-fault-added"
    mine = f"$({client} member list | awk -F', ' '$4 == \"{url}\" {{ print $1 }}')"
    named = f'awk -F\', \' \'{{ n = $4 == "{url}" ? "{node}" : $3; printf "%s%s=%s", (NR > 1 ? "," : ""), n, $4 }}\''
    edit = (
        "sed -e '/--initial-cluster-state=/d' "
        '-e "s#\\( *- \\)--initial-cluster=.*#\\1--initial-cluster=$all\\n\\1--initial-cluster-state=existing#"'
    )
    promoted = f"{client} member list | awk -F', ' '$4 == \"{url}\" && $6 == \"false\" {{ f = 1 }} END {{ exit !f }}'"
    aside = f"{parked(manifests)}/etcd.yaml"
    return f"""
[ -e {away} ] || {{ {start(*PARTS, manifests=manifests)}; exit; }}
{stop(*PARTS, manifests=manifests)} || exit 1
if [ ! -e {added} ]; then
  id="{mine}"
  if [ -n "$id" ]; then {client} member remove $id || exit 1; fi
  rm -rf {data}/member
  left=40
  until [ -n "{mine}" ]; do  # refused for some seconds while a member is only just back ("unhealthy cluster")
    [ $left -gt 0 ] || exit 1
    {client} member add {node} --learner --peer-urls={url} >&2 && break
    left=$((left - 1)); sleep 1
  done
  touch {added}
fi
all="$({client} member list | {named})" || exit 1
umask 077
{edit} {aside} > {data}/kubedrill-fault-etcd.yaml || exit 1
grep -q -- --initial-cluster-state=existing {data}/kubedrill-fault-etcd.yaml || exit 1
cat {data}/kubedrill-fault-etcd.yaml > {aside} && rm {data}/kubedrill-fault-etcd.yaml || exit 1
{start("etcd", manifests=manifests)} || exit 1
for i in $(seq 100); do
  {client} member promote {mine} >/dev/null 2>&1
  if {promoted}; then
    {start("kube-apiserver", manifests=manifests)} && rm -rf {away} {added}
    exit
  fi
  sleep 1
done
echo "the new member did not catch up with the others" >&2
exit 1
"""


def others_list(cluster: Cluster, node: str) -> list[Listed]:
    """The members of etcd, as the first control plane lists them that answers and is not ``node``.

    Raises:
        StepFailed: none does.
    """
    said = []
    for other in cluster.inventory.control_planes:
        if other.name != node:
            try:
                return read_list(cluster.hosts, other.name)
            except (StepFailed, DeadlineExceeded) as error:
                said.append(str(error))
    raise StepFailed(
        f"no other member of etcd lists its members: {'; '.join(said) or 'there is no other'}"
    )
