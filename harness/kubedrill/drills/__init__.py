"""The drills, one file each; those that differ in a fault only stand in tables.

A full run goes in the order that is here: the upgrade comes last, it cannot be undone. Other ways
to upgrade are run by their names, each on a cluster of its own.
"""

from __future__ import annotations

from difflib import get_close_matches

from kubedrill.base.errors import UsageError
from kubedrill.core.drill import Drill
from kubedrill.drills.app_rollout import AppRollout
from kubedrill.drills.cluster_upgrade import ClusterUpgrade
from kubedrill.drills.credential_drills import CredentialsRevoked, TokenExpiredDrill
from kubedrill.drills.drain_blocked import DrainBlocked
from kubedrill.drills.etcd_member_replaced import EtcdMemberReplaced
from kubedrill.drills.etcd_quorum_lost import EtcdQuorumLost
from kubedrill.drills.etcd_quorum_restored import EtcdQuorumRestored
from kubedrill.drills.failover_etcd_leader import FailoverEtcdLeader
from kubedrill.drills.failover_vip import FailoverVip
from kubedrill.drills.failover_worker import FailoverWorker
from kubedrill.drills.game_day import GameDay
from kubedrill.drills.leader_takeover import LEADER_DRILLS
from kubedrill.drills.network_drills import NETWORK_DRILLS
from kubedrill.drills.node_drain import NodeDrain
from kubedrill.drills.node_drills import NODE_DRILLS
from kubedrill.drills.order_drills import ORDER_DRILLS
from kubedrill.drills.order_rotations import ORDER_ROTATIONS
from kubedrill.drills.pod_drills import POD_DRILLS
from kubedrill.drills.resource_drills import RESOURCE_DRILLS
from kubedrill.drills.rollout_drills import ROLLOUT_DRILLS
from kubedrill.drills.service_drills import SERVICE_DRILLS
from kubedrill.drills.trust_drills import TRUST_DRILLS
from kubedrill.drills.upgrade_interrupted import INTERRUPTED
from kubedrill.drills.upgrade_refused import REFUSED
from kubedrill.drills.upgrade_rolled_back import UpgradeRolledBack
from kubedrill.drills.zone_outage import ZoneOutageDrill

__all__ = ["ALL", "INSTEAD", "STANDARD", "Drill", "find_drills"]

_ORDER: tuple[Drill, ...] = (
    AppRollout(),
    *ROLLOUT_DRILLS,
    NodeDrain(),
    DrainBlocked(),
    *POD_DRILLS,
    *ORDER_DRILLS,
    *ORDER_ROTATIONS,
    *LEADER_DRILLS,
    *SERVICE_DRILLS,
    *NETWORK_DRILLS,
    *NODE_DRILLS,
    *RESOURCE_DRILLS,
    *TRUST_DRILLS,
    TokenExpiredDrill(),
    CredentialsRevoked(),
    FailoverWorker(),
    FailoverVip(),
    FailoverEtcdLeader(),
    ZoneOutageDrill(),
    EtcdMemberReplaced(),
    EtcdQuorumLost(),
    EtcdQuorumRestored(),
    GameDay(),
    *REFUSED,
    UpgradeRolledBack(),
    *INTERRUPTED,
    ClusterUpgrade(),
)

ALL: dict[str, Drill] = {drill.name: drill for drill in _ORDER}
"""Every drill by its name."""

STANDARD = (
    "app-rollout",
    "node-drain",
    "drain-blocked",
    "failover-worker",
    "failover-vip",
    "failover-etcd-leader",
    "cluster-upgrade",
)
"""What is run when no drill is named: a quarter of an hour; all of them take more than an hour."""


INSTEAD = (UpgradeRolledBack.name, *(drill.name for drill in INTERRUPTED))
"""Drills that upgrade the cluster in another way than cluster-upgrade, or half-way and back: "all"
leaves them out."""


def find_drills(names: tuple[str, ...] | list[str]) -> list[Drill]:
    """Return the drills of these names in their order.

    None means the standard ones, "all" all but :data:`INSTEAD`.

    Raises:
        UsageError: unknown names; all of them are named, and the known ones listed.
    """
    unknown = [name for name in names if name not in ALL and name != "all"]
    wanted = (
        [name for name in ALL if name not in INSTEAD]
        if "all" in names
        else dict.fromkeys(names or STANDARD)
    )
    chosen = [ALL[name] for name in wanted if name in ALL]
    if unknown:
        meant = " ".join(
            f"Did you mean {like} instead of {name}?" for name in unknown if (like := similar(name))
        )
        known = f"Expected one of: {', '.join(ALL)}. Try: kubedrill list"
        raise UsageError(
            f"no such drill: {', '.join(unknown)}. {meant}{' ' if meant else ''}{known}"
        )
    return chosen


def similar(name: str) -> str:
    """Names of drills that are like a mistyped one, or that hold it; "" where there is none.

    >>> similar("failover-vipp")
    'failover-vip'
    """
    standard = [known for known in STANDARD if name in known]
    close = get_close_matches(name, ALL, n=3, cutoff=0.6)
    return " or ".join(standard or close[:1] or [known for known in ALL if name in known][:3])
