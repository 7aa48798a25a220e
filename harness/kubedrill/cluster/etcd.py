"""etcd, asked on each control plane.

Every member reports on itself, so that a node's name is never guessed.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kubedrill.base.errors import DeadlineExceeded
from kubedrill.cluster.hosts import Hosts, HostUnreachable

if TYPE_CHECKING:
    from kubedrill.cluster.inventory import Inventory

ETCDCTL = (
    "etcdctl --endpoints=https://127.0.0.1:2379 --cacert=/etc/kubernetes/pki/etcd/ca.crt "
    "--cert=/etc/kubernetes/pki/etcd/healthcheck-client.crt "
    "--key=/etc/kubernetes/pki/etcd/healthcheck-client.key "
    "--command-timeout=4s"
)
"""etcdctl towards the node's own member, with the certificates that kubeadm makes for health
checks."""

QUESTIONS = (
    f"{ETCDCTL} endpoint status -w json && {ETCDCTL} member list -w json && {ETCDCTL} "
    f"alarm list -w json"
)


_ALARMS = {0: "NONE", 1: "NOSPACE", 2: "CORRUPT"}
"""etcd's rpc.proto, AlarmType."""


@dataclass(frozen=True, slots=True)
class Member:
    """What the etcd member on one node says.

    ``error`` is not empty where it did not answer; the rest is then unset.
    """

    node: str
    id: int = 0
    leader_id: int = 0
    version: str = ""
    db_bytes: int = 0
    revision: int = 0
    is_learner: bool = False
    member_names: tuple[str, ...] = ()
    alarms: tuple[str, ...] = ()
    error: str = ""

    @property
    def leads(self) -> bool:
        """Whether this member is the leader in its own view."""
        return not self.error and self.id != 0 and self.id == self.leader_id


@dataclass(frozen=True, slots=True)
class Listed:
    """One member as the others list it. ``name`` is empty until it has started once."""

    name: str
    id: int
    peer_url: str
    client_url: str


def read_list(hosts: Hosts, node: str) -> list[Listed]:
    """The members of etcd, as the one on a node lists them.

    Raises:
        StepFailed: it does not answer; carries etcdctl's words.
    """
    listed = json.loads(hosts.read(node, f"{ETCDCTL} member list -w json", 15).stdout)["members"]
    return [
        Listed(
            one.get("name", ""), one["ID"], one["peerURLs"][0], (one.get("clientURLs") or [""])[0]
        )
        for one in listed
    ]


def read_members(hosts: Hosts, inventory: Inventory) -> list[Member]:
    """Ask the etcd member of each control plane.

    One that does not answer is in the list with its error.
    """
    return [_read(hosts, node.name) for node in inventory.control_planes]


def leader(members: list[Member]) -> str | None:
    """The node whose member leads, where all that answered agree; else None."""
    answered = [member for member in members if not member.error]
    if len({member.leader_id for member in answered}) != 1:
        return None
    return next((member.node for member in answered if member.leads), None)


def problems(members: list[Member]) -> list[str]:
    """What is wrong: members that do not answer, count, leader, learners, alarms.

    Empty when etcd is healthy.
    """
    result = [f"etcd on {member.node}: {member.error}" for member in members if member.error]
    answered = [member for member in members if not member.error]
    for member in answered:
        if len(member.member_names) != len(members):
            result.append(
                f"etcd on {member.node} knows {len(member.member_names)} members "
                f"({', '.join(member.member_names)}), "
                f"expected {len(members)}"
            )
        if member.is_learner:
            result.append(f"etcd on {member.node} is a learner: it has no vote yet")
        if member.leader_id == 0:
            result.append(f"etcd on {member.node} has no leader")
    result += sorted({f"etcd alarm: {alarm}" for member in answered for alarm in member.alarms})
    if len({member.leader_id for member in answered}) > 1:
        result.append("etcd members disagree about their leader")
    return result


def _read(hosts: Hosts, node: str) -> Member:
    try:
        result = hosts.read(node, QUESTIONS, 15, check=False)
    except (HostUnreachable, DeadlineExceeded) as error:
        return Member(node, error=str(error))
    if not result.ok:
        return Member(node, error=f"etcdctl ended with {result.rc}: {_reason(result.stderr)}")
    return parse(node, result.stdout)


def parse(node: str, text: str) -> Member:
    """Make a member of the three JSON lines that :data:`QUESTIONS` prints."""
    lines = [json.loads(line) for line in text.splitlines() if line.startswith(("{", "["))]
    if len(lines) != 3:
        return Member(node, error=f"etcdctl printed {len(lines)} answers, expected 3")
    endpoint, listed, alarms = lines
    status = endpoint[0]["Status"]
    raised = [alarm.get("alarm", 0) for alarm in alarms.get("alarms") or []]
    return Member(
        node=node,
        id=status["header"]["member_id"],
        leader_id=status.get("leader", 0),
        version=status["version"],
        db_bytes=status.get("dbSize", 0),
        revision=status["header"].get("revision", 0),
        is_learner=status.get("isLearner", False),
        member_names=tuple(member.get("name") or "unstarted" for member in listed["members"]),
        alarms=tuple(_ALARMS.get(kind, str(kind)) for kind in raised),
    )


def _reason(stderr: str) -> str:
    """The last line of etcdctl's log that says something."""
    lines = [line for line in stderr.splitlines() if line.strip()]
    if not lines:
        return "no output"
    if not lines[-1].startswith("{"):
        return lines[-1][-300:]
    entry = json.loads(lines[-1])
    return str(entry.get("error") or entry.get("msg") or "no message")[-300:]
