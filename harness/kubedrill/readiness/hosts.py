"""What each node says over SSH: certificates, disks, images, the kubelet's command line, etcd."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cryptography import x509

from kubedrill.base.errors import StepFailed
from kubedrill.cluster import etcd
from kubedrill.readiness.model import Certificate, Disk, EtcdFacts, HostFacts

if TYPE_CHECKING:
    from kubedrill.cluster.hosts import CommandResult, Hosts

_ETCD_S = 15
"""Three questions to etcdctl, 4 s each at most (etcd.ETCDCTL)."""
_SCRIPT = Path(__file__).with_name("node_script.py")
DEFAULT_BUNDLES = "/opt/kubedrill/bundles"
"""Where a node has its bundles unless cluster_bundles_dir says otherwise
(playbooks/group_vars/all.yml)."""


def read_host(hosts: Hosts, node: str, bundles: str, bundle: str) -> HostFacts:
    """Ask one node; takes about a second.

    Raises:
        KubedrillError: it did not answer, or its answer cannot be understood.
    """
    script = _SCRIPT.read_text(encoding="utf-8")
    result = hosts.read(node, ["python3", "-", bundles, bundle], check=False, stdin=script)
    return parse_host(node, _output(result, f"{node}: reading the host (is Python 3 there?)"))


def parse_host(node: str, text: str) -> HostFacts:
    """Make facts of what node_script.py printed.

    Raises:
        StepFailed: it is not that.
    """
    try:
        output = json.loads(text)
        certificates, unreadable = _certificates(output["certificates"])
        return HostFacts(
            certificates=certificates,
            unreadable=(*output["unreadable"], *unreadable),
            disks={path: Disk(**numbers) for path, numbers in output["disks"].items()},
            images=None if output["images"] is None else frozenset(output["images"]),
            kubelet_args=tuple(output["kubelet_args"]),
            kubeadm=output["kubeadm"],
            cgroup=output["cgroup"],
            has_bundle=output["has_bundle"],
        )
    except (ValueError, KeyError, TypeError) as error:
        raise StepFailed(f"{node}: its answer cannot be understood: {error!r}") from error


def read_etcd(hosts: Hosts, node: str) -> EtcdFacts:
    """Ask the etcd member on one control plane for its health, sizes and quota.

    Raises:
        KubedrillError: it did not answer.
    """
    result = hosts.read(node, etcd.QUESTIONS, _ETCD_S, check=False)
    return parse_etcd(node, _output(result, f"etcd on {node}: etcdctl"))


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


def _output(result: CommandResult, what: str) -> str:
    if not result.ok:
        reason = (result.stderr.strip().splitlines() or ["no output"])[-1]
        raise StepFailed(f"{what} ended with {result.rc}: {reason[-300:]}")
    return result.stdout


def _certificates(by_path: dict[str, list[str]]) -> tuple[tuple[Certificate, ...], tuple[str, ...]]:
    certificates, unreadable = [], []
    for path, blocks in by_path.items():
        try:
            certificates += [
                _certificate(path, x509.load_pem_x509_certificate(block.encode()))
                for block in blocks
            ]
        except ValueError:
            unreadable.append(path)
    return tuple(certificates), tuple(unreadable)


def _certificate(path: str, parsed: Any) -> Certificate:
    try:
        is_ca = parsed.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        is_ca = False
    return Certificate(
        path,
        parsed.subject.rfc4514_string(),
        is_ca,
        parsed.not_valid_before_utc,
        parsed.not_valid_after_utc,
    )
