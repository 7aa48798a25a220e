"""A node is taken out of etcd and the API, whatever an earlier run left."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from ansible_collections.kubedrill.kubeadm.plugins.module_utils import node_membership as membership
from ansible_collections.kubedrill.kubeadm.plugins.module_utils.upgrade_cluster import CommandError
from ansible_collections.kubedrill.kubeadm.plugins.modules import (
    control_plane_stop,
    node_membership,
)

CONFIG = "apiServer:\n  certSANs:\n  - 10.0.0.10\n  - cp1\n  - 10.0.0.1\n  - cp2\nclusterName: x\n"


def make_node(name: str, address: str) -> dict[str, Any]:
    return {
        "metadata": {"name": name, "labels": {}},
        "spec": {},
        "status": {
            "addresses": [{"type": "InternalIP", "address": address}],
            "conditions": [{"type": "Ready", "status": "True"}],
        },
    }


def make_request(name: str, node: str, username: str = "system:bootstrap:abcdef") -> dict[str, Any]:
    subject = f"system:node:{node}".encode()
    body = base64.b64encode(b"0\x81\x0c" + bytes([len(subject)]) + subject + b"0Y0").decode()
    pem = f"-----BEGIN CERTIFICATE REQUEST-----\n{body}\n-----END CERTIFICATE REQUEST-----\n"
    request = base64.b64encode(pem.encode()).decode()
    return {"metadata": {"name": name}, "spec": {"username": username, "request": request}}


def make_lease(namespace: str, name: str, **labels: str) -> dict[str, Any]:
    return {"metadata": {"namespace": namespace, "name": name, "labels": labels}}


def make_objects() -> dict[str, Any]:
    host = {"kubernetes.io/hostname": "cp1"}
    server = {"apiserver.kubernetes.io/identity": "kube-apiserver", **host}
    return {
        "nodes": [make_node("cp1", "10.0.0.1"), make_node("cp11", "10.0.0.11")],
        "leases": [
            make_lease("kube-node-lease", "cp1"),
            make_lease("kube-node-lease", "cp11"),
            make_lease("kube-system", "apiserver-a", **server),
            make_lease("kube-system", "cp1"),
            make_lease("default", "mine", **host),
        ],
        "requests": [
            make_request("csr-1", "cp1"),
            make_request("csr-2", "cp11"),
            make_request("csr-3", "", "system:node:cp1"),
            {"metadata": {"name": "csr-4"}, "spec": {"username": "a", "request": "?"}},
        ],
        "kubeadm": {"metadata": {}, "data": {"ClusterConfiguration": CONFIG}},
    }  # fmt: skip


def test_what_belongs_to_a_node_and_nothing_of_its_neighbour() -> None:
    assert [str(trace) for trace in membership.find_traces(make_objects(), "cp1")] == [
        "CertificateSigningRequest csr-1",
        "CertificateSigningRequest csr-3",
        "Lease kube-node-lease/cp1",
        "Lease kube-system/apiserver-a",
        "ConfigMap kube-system/kubeadm-config",
        "Node cp1",
    ]


def test_its_name_and_address_leave_kubeadm_s_configuration() -> None:
    text = membership.without_names(CONFIG, ["cp1", "10.0.0.1"])
    assert text == "apiServer:\n  certSANs:\n  - 10.0.0.10\n  - cp2\nclusterName: x\n"
    other = "apiServer:\n  extraArgs:\n  - name: cp1\n  certSANs:\n  - cp2\nnames:\n- cp1\n"
    assert membership.without_names(other, ["cp1"]) == other


@pytest.mark.parametrize(
    ("terms", "nodes"),
    [
        ([["w1"]], ["w1"]),
        ([["w1", "w2"]], ["w1", "w2"]),
        ([["w1"], ["w2"]], ["w1", "w2"]),
        ([["w1"], []], []),
        ([], []),
    ],
)
def test_the_nodes_that_can_mount_a_volume(terms: list[list[str]], nodes: list[str]) -> None:
    selectors = [
        {"matchExpressions": [{"key": "kubernetes.io/hostname", "operator": "In", "values": names}]}
        if names
        else {"matchExpressions": [{"key": "zone", "operator": "In", "values": ["a"]}]}
        for names in terms
    ]
    spec = {"nodeAffinity": {"required": {"nodeSelectorTerms": selectors}}}
    volume = {"metadata": {"name": "pv"}, "spec": spec}
    assert membership.summarize_volume(volume) == {"name": "pv", "claim": "", "nodes": nodes}


@pytest.mark.parametrize(
    ("taint", "takes"),
    [
        ({"key": "node-role.kubernetes.io/control-plane", "effect": "NoSchedule"}, False),
        ({"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"}, True),
        ({"key": "x", "effect": "PreferNoSchedule"}, True),
    ],
)
def test_a_taint_keeps_pods_away(taint: dict[str, str], takes: bool) -> None:
    node = {**make_node("w1", ""), "spec": {"taints": [taint]}}
    assert membership.summarize_node(node)["takes_pods"] == takes


class Ended(Exception):
    """The module ended."""


class Cluster:
    """Members of etcd and objects of the API that can be removed."""

    def __init__(self) -> None:
        self.objects = make_objects()
        self.members = [
            {"id": f"{number}", "name": f"cp{number}", "learner": False, "healthy": True,
             "peer_urls": [f"https://10.0.0.{number}:2380"]}
            for number in (1, 2, 3)
        ]  # fmt: skip
        self.deleted: list[str] = []
        self.unsettled = 0

    def read_members(self, _program: str) -> list[dict[str, Any]]:
        self.unsettled -= 1
        members = [dict(member) for member in self.members]
        if self.unsettled > 0 and len(members) == 2:
            members[0]["healthy"] = False
        return members

    def etcdctl(self, _program: str, *words: str) -> None:
        assert words[:2] == ("member", "remove")
        self.members = [member for member in self.members if member["id"] != words[2]]

    def delete_trace(self, trace: Any, _objects: Any, names: list[str]) -> None:
        assert names == ["cp1", "10.0.0.1"]
        self.deleted.append(str(trace))


def run(
    monkeypatch: pytest.MonkeyPatch, cluster: Cluster, part: str, check: bool = False
) -> dict[str, Any]:
    results: list[dict[str, Any]] = []

    class Module:
        def __init__(self) -> None:
            self.params = {"node": "cp1", "part": part, "etcdctl": "etcdctl", "timeout": 3}
            self.check_mode = check

        def exit_json(self, **result: Any) -> None:
            results.append(result)
            raise Ended

        def fail_json(self, **result: Any) -> None:
            self.exit_json(failed=True, **result)

    monkeypatch.setattr(node_membership, "AnsibleModule", lambda **_: Module())
    monkeypatch.setattr(node_membership, "read_members", cluster.read_members)
    monkeypatch.setattr(node_membership, "read_objects", lambda: cluster.objects)
    monkeypatch.setattr(node_membership, "etcdctl", cluster.etcdctl)
    monkeypatch.setattr(node_membership, "delete_trace", cluster.delete_trace)
    with pytest.raises(Ended):
        node_membership.main()
    return results[0]


def test_the_member_is_removed_and_the_others_are_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cluster = Cluster()
    cluster.unsettled = 4
    assert run(monkeypatch, cluster, "etcd") == {"changed": True, "removed": ["etcd member cp1"]}
    assert [member["name"] for member in cluster.members] == ["cp2", "cp3"]
    assert cluster.unsettled <= 0, "it asked until both were healthy"
    assert run(monkeypatch, cluster, "etcd") == {"changed": False, "removed": []}


def test_a_majority_that_was_lost_meanwhile_keeps_the_member(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cluster = Cluster()
    cluster.members[2]["healthy"] = False
    monkeypatch.setattr(Cluster, "etcdctl", lambda *_: pytest.fail("the member was removed"))
    output = run(monkeypatch, cluster, "etcd")
    assert output["failed"]
    assert "etcd would lose its majority" in output["msg"]


def test_the_node_goes_last(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = Cluster()
    output = run(monkeypatch, cluster, "api")
    assert output["changed"]
    assert cluster.deleted == output["removed"]
    assert cluster.deleted[-1] == "Node cp1"


@pytest.mark.parametrize("part", ["etcd", "api"])
def test_check_mode_removes_nothing(monkeypatch: pytest.MonkeyPatch, part: str) -> None:
    cluster = Cluster()
    assert run(monkeypatch, cluster, part, check=True)["removed"]
    assert cluster.deleted == []
    assert len(cluster.members) == 3


def test_kubeadm_s_configuration_is_replaced_at_the_revision_that_was_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sent: list[tuple[list[str], str]] = []
    monkeypatch.setattr(
        membership, "run", lambda argv, _timeout, stdin="": sent.append((argv, stdin))
    )
    objects = make_objects()
    objects["kubeadm"]["metadata"] = {"resourceVersion": "7"}
    trace = membership.Trace("ConfigMap", "kubeadm-config", "kube-system")
    membership.delete_trace(trace, objects, ["cp1", "10.0.0.1"])
    ((argv, text),) = sent
    assert argv[-3:] == ["replace", "-f", "-"]
    assert '"resourceVersion": "7"' in text
    assert "- cp2" in text
    assert "- cp1" not in text


def test_a_member_that_does_not_answer_is_not_healthy(monkeypatch: pytest.MonkeyPatch) -> None:
    def etcdctl(_program: str, *words: str, endpoint: str = "", **_: Any) -> Any:
        if words[0] == "member":
            started = {"ID": 255, "name": "cp1", "clientURLs": ["https://1:2379"]}
            return {"members": [started, {"ID": 2, "clientURLs": ["https://2:2379"]}, {"ID": 3}]}
        if "//2" in endpoint:
            raise CommandError("unhealthy cluster")
        return []

    monkeypatch.setattr(membership, "etcdctl", etcdctl)
    members = membership.read_members("etcdctl")
    assert [(member["id"], member["healthy"]) for member in members] == [
        ("ff", True), ("2", False), ("3", False)]  # fmt: skip


def test_a_control_plane_is_stopped_but_for_etcd(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    for name in ("etcd", "kube-apiserver"):
        (tmp_path / f"{name}.yaml").touch()
    steps: list[Any] = []
    monkeypatch.setattr(control_plane_stop, "run", lambda argv, _timeout: steps.append(argv[1:]))
    monkeypatch.setattr(control_plane_stop, "stop", lambda names, _grace: steps.append(names))
    monkeypatch.setattr(
        control_plane_stop, "containers", lambda name: ["c"] if name == "kube-scheduler" else []
    )
    names = control_plane_stop.running(tmp_path)
    assert names == ["kube-apiserver", "kube-scheduler"]
    control_plane_stop.stop_components(names, tmp_path, 10)
    assert steps == [["stop", "kubelet"], names]
    assert [path.name for path in tmp_path.iterdir()] == ["etcd.yaml"]
