"""What a change of settings would do, and why it must not begin: functions of the live state."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from ansible_collections.kubedrill.kubeadm.plugins.filter import reconfigure_plan

NAMES = ["cp1", "cp2", "cp3", "w1"]
RENDERED = """
apiVersion: kubeadm.k8s.io/v1beta4
kind: InitConfiguration
bootstrapTokens: [{ttl: 1m0s}]
localAPIEndpoint: {advertiseAddress: 10.0.0.1, bindPort: 6443}
---
apiVersion: kubeadm.k8s.io/v1beta4
kind: ClusterConfiguration
kubernetesVersion: v1.35.4
networking: {podSubnet: 10.9.0.0/16}
apiServer:
  certSANs: [10.0.0.10, cp1]
  extraArgs: [{name: event-ttl, value: 2h0m0s}]
etcd: {local: {extraArgs: [{name: snapshot-count, value: '9'}]}}
---
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
maxPods: 99
---
apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
mode: nftables
conntrack: {min: 0}
"""
LIVING = """
apiVersion: kubeadm.k8s.io/v1beta4
kind: ClusterConfiguration
kubernetesVersion: v1.36.3
networking: {podSubnet: 10.244.0.0/16}
apiServer: {extraArgs: [{name: shutdown-delay-duration, value: 3s}]}
controllerManager: {extraArgs: [{name: v, value: '4'}]}
scheduler: {}
dns: {}
etcd: {local: {dataDir: /var/lib/etcd}}
"""
KUBELET = "kind: KubeletConfiguration\nmaxPods: 99\nsyncFrequency: 0s\nresolvConf: /run/x\n"


def configuration() -> str:
    return reconfigure_plan.reconfigured(RENDERED, LIVING)


def cluster_of(text: str) -> dict[str, Any]:
    documents = yaml.safe_load_all(text)
    return next(each for each in documents if each["kind"] == "ClusterConfiguration")


def test_settings_are_the_inventorys_and_all_else_is_the_clusters() -> None:
    cluster = cluster_of(configuration())
    assert cluster["apiServer"] == {
        "certSANs": ["10.0.0.10", "cp1"],
        "extraArgs": [{"name": "event-ttl", "value": "2h0m0s"}],
    }
    assert cluster["controllerManager"] == {}, "an argument that the inventory has no more"
    assert cluster["etcd"]["local"]["dataDir"] == "/var/lib/etcd"
    assert cluster["etcd"]["local"]["extraArgs"] == [{"name": "snapshot-count", "value": "9"}]
    assert cluster["kubernetesVersion"] == "v1.36.3"
    assert cluster["networking"] == {"podSubnet": "10.244.0.0/16"}
    assert "bootstrapTokens" not in configuration()


def test_a_record_that_says_nothing_of_etcd_gets_its_arguments() -> None:
    living = LIVING.replace("etcd: {local: {dataDir: /var/lib/etcd}}", "")
    cluster = cluster_of(reconfigure_plan.reconfigured(RENDERED, living))
    assert cluster["etcd"] == {"local": {"extraArgs": [{"name": "snapshot-count", "value": "9"}]}}


def test_a_second_time_nothing_is_different() -> None:
    once = configuration()
    again = reconfigure_plan.reconfigured(RENDERED, yaml.safe_dump(cluster_of(once)))
    assert cluster_of(again) == cluster_of(once)


def test_another_order_is_no_difference() -> None:
    two = ["{name: a, value: '1'}", "{name: b, value: '2'}"]
    args = "[{name: event-ttl, value: 2h0m0s}]"
    rendered = RENDERED.replace(args, f"[{', '.join(two)}]")
    living = LIVING.replace("[{name: shutdown-delay-duration, value: 3s}]", f"[{two[1]}, {two[0]}]")
    cluster = cluster_of(reconfigure_plan.reconfigured(rendered, living))
    assert [each["name"] for each in cluster["apiServer"]["extraArgs"]] == ["b", "a"]


def maps(cluster: str, kubelet: str, proxy: str = "mode: nftables") -> dict[str, Any]:
    data = {
        "kubeadm-config": {"ClusterConfiguration": cluster},
        "kubelet-config": {"kubelet": kubelet},
        "kube-proxy": {"config.conf": proxy},
    }
    items = [{"metadata": {"name": name}, "data": each} for name, each in data.items()]
    return {"items": [*items, {"metadata": {"name": "other"}}]}


def test_what_is_recorded_is_written_anew_where_it_differs() -> None:
    recorded = yaml.safe_dump(cluster_of(configuration()))
    kubelet = "kind: KubeletConfiguration\nmaxPods: 99\ncontainerRuntimeEndpoint: ''\n"
    config = configuration()
    assert reconfigure_plan.to_record(maps(recorded, kubelet), config, KUBELET) == []
    assert reconfigure_plan.to_record(maps(LIVING, kubelet), config, KUBELET) == [
        "upload-config kubeadm"
    ]
    other = kubelet.replace("99", "110")
    assert reconfigure_plan.to_record(maps(recorded, other), config, KUBELET) == [
        "upload-config kubelet"
    ]


@pytest.mark.parametrize(
    ("proxy", "differs"),
    [
        ("mode: nftables\nconntrack: {min: 0, max: 9}", ""),
        ("mode: iptables\nconntrack: {min: 0}", "another mode than"),
        ("mode: nftables\nconntrack: {min: 5}", "another conntrack than"),
        ("", ""),
    ],
)
def test_kube_proxy_keeps_what_it_was_installed_with(proxy: str, differs: str) -> None:
    recorded = maps("", "", f"apiVersion: kubeproxy.config.k8s.io/v1alpha1\n{KIND}\n{proxy}")
    result = reconfigure_plan.explain_kube_proxy(
        recorded if proxy else {"items": []}, configuration()
    )
    assert differs in result
    assert bool(result) is bool(differs)


KIND = "kind: KubeProxyConfiguration"


def state(**more: Any) -> dict[str, Any]:
    state = {"restart": [], "certificate": [], "kubelet": False, "mistakes": [], "begun": False}
    return {**state, **more}


def test_the_plan_says_what_is_done_on_each_node() -> None:
    states = {
        "cp1": state(
            restart=["kube-apiserver"], certificate=["api.example.com", "old"], kubelet=True
        ),
        "w1": state(),
        "w2": state(kubelet=True, begun=True),
    }
    assert reconfigure_plan.plan_lines(states, ["upload-config kubeadm"]) == [
        (
            "cp1: start kube-apiserver with other settings, sign the API server's certificate anew "
            "(api.example.com, old), start the kubelet with another configuration"
        ),
        "w1: nothing to do",
        "w2: finish what an earlier run began, start the kubelet with another configuration",
        "cluster: kubeadm init phase upload-config kubeadm",
    ]


@pytest.mark.parametrize("more", [{"restart": ["etcd"]}, {"kubelet": True}])
def test_a_node_is_done_when_nothing_is_left(more: dict[str, Any]) -> None:
    assert reconfigure_plan.is_done(state())
    assert not reconfigure_plan.is_done(state(**more))


def node(**more: Any) -> dict[str, Any]:
    return {"ready": True, "upgrading_to": "", "maintaining": "", "pods": 20, **more}


def machine(**more: Any) -> dict[str, Any]:
    versions = {"etcd": "3.6.6-0"}
    return {
        "joined": True,
        "security_profile": "baseline",
        "versions": versions,
        "api_ready": True,
        **more,
    }


def refusals(cluster: Any = None, **more: Any) -> list[str]:
    expected = {
        "machines": {name: machine() for name in NAMES},
        "nodes": {name: {"state": state()} for name in NAMES},
        "names": NAMES,
        "in_play": NAMES,
        "security_profile": "baseline",
        "max_pods": 110,
        "kube_proxy": "",
        "api": "the API does not answer",
        **more,
    }
    nodes = {name: node() for name in NAMES} if cluster is None else cluster
    return reconfigure_plan.refusals({"nodes": nodes} if nodes else {}, expected)


def test_a_healthy_cluster_of_the_inventory_is_not_refused() -> None:
    assert refusals() == []


@pytest.mark.parametrize(
    ("more", "part"),
    [
        ({"cluster": {}}, "the API does not answer"),
        ({"in_play": ["cp1"]}, "--limit leaves out cp2, cp3, w1"),
        ({"security_profile": "hardened"}, "was installed with security_profile baseline"),
        ({"kube_proxy": "kube-proxy has another mode"}, "kube-proxy has another mode"),
        ({"machines": {"cp1": {"trouble": "unreachable", "why": "timeout"}}}, "cp1 cannot be rea"),
        ({"machines": {"w1": {"joined": False}}}, "w1 has not joined the cluster"),
        ({"nodes": {"w1": {"msg": "kubeadm failed"}}}, "w1: kubeadm failed: correct that first"),
        ({"cluster": {"cp1": node()}}, "node cp2 of the inventory is not in the cluster"),
        ({"names": ["cp1"], "in_play": ["cp1"]}, "node w1 of the cluster is not in the inventory"),
    ],
)
def test_what_must_not_begin_is_refused(more: dict[str, Any], part: str) -> None:
    assert any(part in each for each in refusals(**more))


@pytest.mark.parametrize(
    ("which", "part"),
    [
        ({"upgrading_to": "1.37.2"}, "in the middle of an upgrade to 1.37.2"),
        ({"maintaining": "a-boot"}, "in the middle of a maintenance"),
        ({"ready": False}, "already broken: node cp2 is not Ready"),
        ({"pods": 111}, "node cp2 runs 111 pods, cluster_kubeadm.kubelet.maxPods is 110"),
    ],
)
def test_a_node_that_something_else_is_done_with_is_refused(
    which: dict[str, Any], part: str
) -> None:
    nodes = {name: node(**(which if name == "cp2" else {})) for name in NAMES}
    (mistake,) = refusals(nodes)
    assert part in mistake


@pytest.mark.parametrize("begun", [False, True])
def test_a_node_that_an_interrupted_run_left_is_finished(begun: bool) -> None:
    nodes = {name: node(ready=name != "cp2") for name in NAMES}
    machines = {name: machine(api_ready=name != "cp2") for name in NAMES}
    states = {name: {"state": state(begun=begun and name == "cp2")} for name in NAMES}
    mistakes = refusals(nodes, nodes=states, machines=machines)
    assert bool(mistakes) is not begun
    if not begun:
        assert "the API server on cp2 is not ready" in mistakes[0]


def test_what_all_programs_say_is_said_once() -> None:
    states = {name: {"state": state(mistakes=["no such argument"])} for name in NAMES}
    assert refusals(nodes=states) == ["no such argument"]
    failed = {name: {"msg": "kubeadm: maxPods is text"} for name in NAMES}
    assert refusals(nodes=failed) == [
        "cp1, cp2, cp3, w1: kubeadm: maxPods is text: correct that first"
    ]
