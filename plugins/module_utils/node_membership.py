"""What the cluster knows of its nodes, and what one of them would leave behind.

Modules on nodes and filters on the controller use it: Python 3.9. Only the functions that begin
with ``read_`` and ``delete_`` ask the cluster; the others are pure.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from typing import TYPE_CHECKING, Any, NamedTuple

from ansible_collections.kubedrill.kubeadm.plugins.module_utils.objects import (
    Object,
    condition_is_true,
)
from ansible_collections.kubedrill.kubeadm.plugins.module_utils.upgrade_cluster import (
    KUBECONFIG,
    CommandError,
    etcdctl,
    kubectl_json,
    run,
    unavailable_workloads,
    workload_name,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

CONTROL_PLANE_LABEL = "node-role.kubernetes.io/control-plane"
HOSTNAME_LABEL = "kubernetes.io/hostname"
IDENTITY_LABEL = "apiserver.kubernetes.io/identity"
SYSTEM, NODE_LEASES = "kube-system", "kube-node-lease"
HEALTH_S = 3.0
"""Seconds in which a member of etcd must answer."""

Member = dict[str, Any]


class Trace(NamedTuple):
    """One object that belongs to a node, or names it."""

    kind: str
    name: str
    namespace: str = ""

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace + '/' if self.namespace else ''}{self.name}"


def summarize_node(node: Object) -> dict[str, Any]:
    """What matters of a Node here."""
    metadata, spec = node["metadata"], node.get("spec") or {}
    addresses = (node.get("status") or {}).get("addresses") or ()
    return {
        "ready": condition_is_true(node, "Ready"),
        "address": next((a["address"] for a in addresses if a["type"] == "InternalIP"), ""),
        "control_plane": CONTROL_PLANE_LABEL in (metadata.get("labels") or {}),
        "cordoned": bool(spec.get("unschedulable")),
        "takes_pods": not spec.get("unschedulable") and not any(map(_repels, _taints(spec))),
    }


def _taints(spec: Object) -> Iterable[Object]:
    return spec.get("taints") or ()


def _repels(taint: Object) -> bool:
    """Whether somebody has put this taint there to keep pods away; Kubernetes' own ones pass."""
    return taint.get("effect") != "PreferNoSchedule" and not taint["key"].startswith(
        "node.kubernetes.io/"
    )


def summarize_volume(volume: Object) -> dict[str, Any]:
    """Return a PersistentVolume's name, claim, and the nodes that alone can mount it.

    ``nodes`` is [] where its affinity does not come down to names of nodes.
    """
    spec = volume.get("spec") or {}
    required = (spec.get("nodeAffinity") or {}).get("required") or {}
    named = [_hostnames(term) for term in required.get("nodeSelectorTerms") or ()]
    claim = spec.get("claimRef") or {}
    return {
        "name": volume["metadata"]["name"],
        "claim": f"{claim.get('namespace')}/{claim.get('name')}" if claim else "",
        "nodes": sorted({name for names in named for name in names}) if all(named) else [],
    }


def _hostnames(term: Object) -> list[str]:
    return [
        value
        for expression in term.get("matchExpressions") or ()
        if expression["key"] == HOSTNAME_LABEL and expression["operator"] == "In"
        for value in expression.get("values") or ()
    ]


def stranded_volumes(
    volumes: Iterable[Mapping[str, Any]], leaving: Iterable[str], nodes: Iterable[str]
) -> list[Mapping[str, Any]]:
    """Volumes that no node could mount any more, of those that a leaving node can mount."""
    gone, staying = set(leaving), set(nodes) - set(leaving)
    return [
        volume
        for volume in volumes
        if gone & set(volume["nodes"]) and not staying & set(volume["nodes"])
    ]


def members_of(members: Iterable[Member], name: str, address: str = "") -> list[Member]:
    """Members of etcd that run on a node: by its name, or by its address before it has started.

    >>> started = {"name": "cp1", "peer_urls": ["https://10.0.0.1:2380"]}
    >>> added = {"name": "", "peer_urls": ["https://10.0.0.1:2380"]}
    >>> len(members_of([started, added], "cp1")), len(members_of([started, added], "x", "10.0.0.1"))
    (1, 2)
    """
    return [m for m in members if runs_on(m["name"], m["peer_urls"], name, address)]


def runs_on(member: str, peer_urls: Iterable[str], name: str, address: str = "") -> bool:
    """Whether a member of etcd, by its name and peer URLs, is that of a node.

    The name of an unstarted member is empty; a dead machine's successor may have another address.
    """
    return member == name or (bool(address) and f"https://{address}:2380" in peer_urls)


def order_by_health(members: Iterable[Member]) -> list[Member]:
    """Those first that no majority counts on."""
    return sorted(members, key=lambda member: bool(member["healthy"]))


def explain_risk(members: Sequence[Member], leaving: Sequence[Member]) -> str:
    """Say why a majority would be at risk if these members left, one after the other; "" if not.

    A removal has to be agreed on by a majority before it, and there has to be one after it.
    """
    voters = [member for member in members if not member["learner"]]
    for member in order_by_health(leaving):
        if member not in voters:
            continue
        after = [other for other in voters if other is not member]
        if _healthy(voters) < _majority(voters):
            return (
                f"etcd has no majority: {_count(voters)}, {_majority(voters)} are needed to agree "
                f"on anything: repair {_names(_ill(voters))} first (docs/how-to/repair-etcd.md)"
            )
        if after and _healthy(after) < _majority(after):
            return (
                f"etcd would lose its majority: {_count(voters)}; without {_name(member)} "
                f"{_count(after)}, and {_majority(after)} are needed: repair "
                f"{_names(_ill(after))} first, or remove it instead"
            )
        voters = after
    return ""


def _majority(voters: Sequence[Member]) -> int:
    return len(voters) // 2 + 1


def _ill(voters: Iterable[Member]) -> list[Member]:
    return [member for member in voters if not member["healthy"]]


def _healthy(voters: Sequence[Member]) -> int:
    return len(voters) - len(_ill(voters))


def _count(voters: Sequence[Member]) -> str:
    plural = "member" if len(voters) == 1 else "members"
    return f"{len(voters)} {plural} ({_names(voters)}), {_healthy(voters)} healthy"


def _names(members: Iterable[Member]) -> str:
    return ", ".join(map(_name, members)) or "none"


def _name(member: Member) -> str:
    return str(member["name"] or next(iter(member["peer_urls"]), member["id"]))


def find_traces(objects: Mapping[str, Any], name: str) -> list[Trace]:
    """List what the API has of a node, the Node last.

    While a Node is there, its address is known, and a removal that was cut is seen.
    """
    traces = [
        Trace("CertificateSigningRequest", request["metadata"]["name"])
        for request in objects["requests"]
        if asks_for(request, name)
    ]
    for lease in objects["leases"]:
        metadata = lease["metadata"]
        labels = metadata.get("labels") or {}
        server = IDENTITY_LABEL in labels and labels.get(HOSTNAME_LABEL) == name
        if server or (metadata["namespace"] == NODE_LEASES and metadata["name"] == name):
            traces.append(Trace("Lease", metadata["name"], metadata["namespace"]))
    node = next((n for n in objects["nodes"] if n["metadata"]["name"] == name), None)
    names = [name, summarize_node(node)["address"] if node else ""]
    config = read_configuration(objects["kubeadm"])
    if without_names(config, names) != config:
        traces.append(Trace("ConfigMap", "kubeadm-config", SYSTEM))
    return [*traces, *([Trace("Node", name)] if node else [])]


def asks_for(request: Object, name: str) -> bool:
    """Whether a CertificateSigningRequest is a kubelet's of this node.

    A first one comes from a join token's user, so its subject counts, whose DER has the length
    before the text: w2 is not taken for w21.
    """
    subject = f"system:node:{name}"
    spec = request.get("spec") or {}
    if spec.get("username") == subject:
        return True
    try:
        pem = base64.b64decode(spec.get("request") or "").decode("ascii")
        body = re.sub(r"-----[A-Z ]+-----|\s", "", pem)
        return bytes([len(subject)]) + subject.encode() in base64.b64decode(body)
    except (binascii.Error, ValueError):
        return False


def read_configuration(config_map: Object) -> str:
    """Return the text of kubeadm's ClusterConfiguration in its ConfigMap."""
    return str((config_map.get("data") or {}).get("ClusterConfiguration") or "")


def without_names(config: str, names: Iterable[str]) -> str:
    r"""Take names and addresses out of a ClusterConfiguration's certSANs, a list as kubeadm writes.

    >>> text = "apiServer:\n  certSANs:\n  - 10.0.0.9\n  - cp1\n  - cp11\nclusterName: cp1\n"
    >>> without_names(text, ["cp1", ""])
    'apiServer:\n  certSANs:\n  - 10.0.0.9\n  - cp11\nclusterName: cp1\n'
    """
    lines, inside, leaving = [], False, set(names) - {""}
    for line in config.splitlines(keepends=True):
        item = re.fullmatch(r"\s*- \"?([^\s\"]+)\"?\s*", line)
        if inside and item and item[1] in leaving:
            continue
        inside = bool(inside and item) or line.strip() == "certSANs:"
        lines.append(line)
    return "".join(lines)


def read_members(program: str) -> list[Member]:
    """Ask etcd for its members, and each for its health. Raises CommandError."""
    members = []
    for member in etcdctl(program, "member", "list").get("members", []):
        urls = member.get("clientURLs") or []
        members.append(
            {
                "id": f"{member['ID']:x}",
                "name": member.get("name") or "",
                "peer_urls": member.get("peerURLs") or [],
                "learner": bool(member.get("isLearner")),
                "healthy": bool(urls) and _answers(program, urls[0]),
            }
        )
    return members


def _answers(program: str, url: str) -> bool:
    try:
        etcdctl(program, "endpoint", "health", endpoint=url, timeout=HEALTH_S)
    except (CommandError, ValueError):
        return False
    return True


def read_objects() -> dict[str, Any]:
    """Ask the API for what may belong to a node. Raises CommandError."""
    return {
        "nodes": kubectl_json("get", "nodes")["items"],
        "leases": kubectl_json("get", "leases", "-A")["items"],
        "requests": kubectl_json("get", "certificatesigningrequests")["items"],
        "kubeadm": kubectl_json("get", "configmap", "kubeadm-config", "-n", SYSTEM),
    }


def read_cluster(names: Iterable[str], program: str) -> dict[str, Any]:
    """All that a removal is decided by. Raises CommandError."""
    objects = read_objects()
    nodes = {node["metadata"]["name"]: summarize_node(node) for node in objects["nodes"]}
    volumes = map(summarize_volume, kubectl_json("get", "persistentvolumes")["items"])
    workloads = kubectl_json("get", "deployments,statefulsets", "-A")["items"]
    return {
        "nodes": nodes,
        "members": read_members(program),
        "volumes": [volume for volume in volumes if volume["nodes"]],
        "traces": {name: [str(trace) for trace in find_traces(objects, name)] for name in names},
        "unavailable": [workload_name(text) for text in unavailable_workloads(workloads)],
    }


def delete_trace(trace: Trace, objects: Mapping[str, Any], names: Iterable[str]) -> None:
    """Delete one object, or take ``names`` out of kubeadm's configuration. Raises CommandError."""
    kubectl = ["kubectl", "--kubeconfig", KUBECONFIG, "--request-timeout=10s"]
    if trace.kind == "ConfigMap":
        config = without_names(read_configuration(objects["kubeadm"]), names)
        data = {**objects["kubeadm"]["data"], "ClusterConfiguration": config}
        text = json.dumps({**objects["kubeadm"], "data": data})
        run([*kubectl, "replace", "-f", "-"], 20, stdin=text)  # refused where it has changed
        return
    place = ["--namespace", trace.namespace] if trace.namespace else []
    options = ["--ignore-not-found", "--wait=false"]
    run([*kubectl, "delete", trace.kind, trace.name, *place, *options], 20)
