"""The etcd member of each control plane, with its size, the part of it in use, and its quota."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from kubedrill.base.errors import StepFailed
from kubedrill.cluster import etcd
from kubedrill.readiness.model import EtcdFacts

if TYPE_CHECKING:
    from kubedrill.cluster.hosts import Hosts

_SECONDS = 15
"""Three questions to etcdctl, 4 s each at most (etcd.ETCDCTL)."""


def read_etcd(hosts: Hosts, node: str) -> EtcdFacts:
    """Ask the member on one control plane.

    Raises:
        KubedrillError: it did not answer.
    """
    result = hosts.read(node, etcd.QUESTIONS, _SECONDS, check=False)
    if not result.ok:
        reason = (result.stderr.strip().splitlines() or ["no output"])[-1]
        raise StepFailed(f"etcd on {node}: etcdctl ended with {result.rc}: {reason[-300:]}")
    return parse_etcd(node, result.stdout)


def parse_etcd(node: str, text: str) -> EtcdFacts:
    """Make facts of what etcdctl printed; etcd reports its quota since 3.6.

    Raises:
        StepFailed: it is not that.
    """
    try:
        member = etcd.parse(node, text)
        if member.error:
            raise StepFailed(f"etcd on {node}: {member.error}")
        status = json.loads(next(line for line in text.splitlines() if line.startswith("[")))[0][
            "Status"
        ]
        return EtcdFacts(
            member, int(status.get("dbSizeInUse", 0)), int(status.get("dbSizeQuota", 0))
        )
    except (ValueError, KeyError, TypeError, IndexError, StopIteration) as error:
        raise StepFailed(
            f"etcd on {node}: the output of etcdctl cannot be understood: {error!r}"
        ) from error
