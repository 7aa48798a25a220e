"""cluster_kubeadm: what is refused before anything is touched, and what comes of the rest."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from role_templates import render
from tests import kube_configuration

from ansible_collections.kubedrill.kubeadm.plugins.module_utils import (
    inventory_settings,
    kubeadm_settings,
)


def mistakes(value: Any, **variables: Any) -> list[str]:
    host = {"cluster_kubeadm": value, **variables}
    return list(kubeadm_settings.settings_mistakes(["cp1", "w1"], {"cp1": host, "w1": host}))


@pytest.mark.parametrize(
    "value",
    [
        {},
        {"api_server": {"event-ttl": "2h", "v": 2, "profiling": False}},
        {"etcd": {"snapshot-count": 10000}, "scheduler": {}, "controller_manager": {}},
        {"kubelet": {"maxPods": 99, "evictionHard": {"memory.available": "5%"}}},
        {
            "kube_proxy": {"conntrack": {"tcpBeLiberal": True}},
            "feature_gates": {"ImageVolume": True},
        },
    ],
)
def test_what_the_programs_may_have_is_no_mistake(value: Any) -> None:
    assert mistakes(value) == []


@pytest.mark.parametrize(
    ("value", "parts"),
    [
        (["x"], ["cluster_kubeadm is a list", "expected a mapping of api_server"]),
        ("api_server", ["cluster_kubeadm is text"]),
        ({"apiserver": {}}, ["cluster_kubeadm.apiserver does not exist", "expected api_server"]),
        ({"etcd": None}, ["cluster_kubeadm.etcd is empty"]),
        ({"etcd": ["--a"]}, ["cluster_kubeadm.etcd is a list"]),
        ({"api_server": {"--event-ttl": "2h"}}, ["'--event-ttl'", "without dashes before it"]),
        ({"api_server": {"event_ttl": "2h"}}, ["'event_ttl'"]),
        ({"api_server": {"event-ttl": None}}, ["event-ttl is empty"]),
        ({"api_server": {"event-ttl": ["2h"]}}, ["event-ttl is a list"]),
        ({"api_server": {"event-ttl": "2h\n- --x=1"}}, ["event-ttl has a line break"]),
        ({"kubelet": {"max-pods": 9}}, ["'max-pods'", "such as maxPods"]),
        ({"kubelet": {"maxPods": None}}, ["maxPods has no value"]),
        ({"kubelet": {"evictionHard": {"a": "1\n2"}}}, ["evictionHard has a line break"]),
        ({"feature_gates": {"ImageVolume": "yes"}}, ["ImageVolume is text", "true or false"]),
        ({"feature_gates": {"image-volume": True}}, ["'image-volume'"]),
        ({"api_server": {"feature-gates": "A=true"}}, ["set cluster_kubeadm.feature_gates"]),
        ({"kubelet": {"featureGates": {}}}, ["set cluster_kubeadm.feature_gates"]),
    ],
)
def test_what_cannot_be_is_named(value: Any, parts: list[str]) -> None:
    (mistake,) = mistakes(value)
    assert [part for part in parts if part not in mistake] == []


@pytest.mark.parametrize(
    ("component", "name"),
    [
        ("api_server", "etcd-servers"),
        ("api_server", "advertise-address"),
        ("api_server", "tls-cert-file"),
        ("api_server", "encryption-provider-config"),
        ("api_server", "shutdown-delay-duration"),
        ("controller_manager", "cluster-signing-key-file"),
        ("controller_manager", "leader-elect-lease-duration"),
        ("scheduler", "kubeconfig"),
        ("etcd", "data-dir"),
        ("etcd", "initial-cluster"),
        ("kubelet", "staticPodPath"),
        ("kube_proxy", "nodePortAddresses"),
    ],
)
def test_what_the_project_needs_cannot_be_set(component: str, name: str) -> None:
    (mistake,) = mistakes({component: {name: "x"}})
    assert mistake.startswith(f"cluster_kubeadm.{component}.{name} cannot be set: ")


def test_all_mistakes_are_said_at_once() -> None:
    value = {"api": {}, "etcd": {"name": "x", "--a": 1}, "feature_gates": {"a": True, "B": 1}}
    assert len(mistakes(value)) == 5


def test_hosts_have_the_same_settings() -> None:
    hosts = {"cp1": {"cluster_kubeadm": {}}, "w1": {"cluster_kubeadm": {"etcd": {}}}}
    (mistake,) = kubeadm_settings.settings_mistakes(hosts, hosts)
    assert mistake == "cluster_kubeadm differs between hosts: set it once, for group cluster"


@pytest.mark.parametrize("name", ["a b", "", "https://x", "10.0.0.300", "fe80::1%eth0", "a_b", 3])
def test_what_is_no_name_of_a_certificate_is_refused(name: Any) -> None:
    assert not inventory_settings.is_name_of_api(name)


@pytest.mark.parametrize("name", ["api.example.com", "*.lab", "10.0.0.1", "2001:db8::1", "api"])
def test_names_and_addresses_of_a_certificate_are_taken(name: str) -> None:
    assert inventory_settings.is_name_of_api(name)


HELP = """
Generic flags:
      --event-ttl duration               Amount of time to retain events. (default 1h0m0s)
      --feature-gates mapStringBool      Options are:
                                         kube:ImageVolume=true|false (BETA - default=true)
                                         UserNamespaces=true|false (BETA - default=true)
  -v, --v Level                          number for the log level verbosity
"""


def unknown(**settings: Any) -> list[str]:
    return list(kubeadm_settings.unknown_arguments("api_server", settings, HELP))


def test_a_program_says_what_it_knows() -> None:
    assert unknown(api_server={"event-ttl": "2h", "v": 2}, etcd={"other": 1}) == []
    assert unknown(feature_gates={"ImageVolume": True, "UserNamespaces": False}) == []
    assert unknown(api_server={"event-ttll": "2h"}) == [
        (
            "cluster_kubeadm.api_server.event-ttll: kube-apiserver has no such argument, the "
            "nearest is event-ttl"
        )
    ]
    assert unknown(feature_gates={"ImageVolumes": True}) == [
        (
            "cluster_kubeadm.feature_gates.ImageVolumes: kube-apiserver has no such gate, the "
            "nearest is ImageVolume"
        )
    ]


def test_a_program_that_says_nothing_refuses_nothing() -> None:
    settings = {"api_server": {"x": 1}, "feature_gates": {"X": True}}
    assert list(kubeadm_settings.unknown_arguments("api_server", settings, "")) == []


SETTINGS = {
    "api_server": {"event-ttl": "2h0m0s", "profiling": True, "v": 2},
    "etcd": {"snapshot-count": 5000},
    "kubelet": {"maxPods": 99, "podPidsLimit": 100},
    "kube_proxy": {"conntrack": {"tcpBeLiberal": True}},
    "feature_gates": {"ImageVolume": False, "UserNamespaces": True},
}


def documents(**more: Any) -> dict[str, dict[str, Any]]:
    text = render("control_plane", "init.yaml.j2", cluster_kubeadm=SETTINGS, **more)
    return {each["kind"]: each for each in yaml.safe_load_all(text)}


def arguments(part: dict[str, Any]) -> dict[str, str]:
    return {each["name"]: each["value"] for each in part["extraArgs"]}


@pytest.mark.parametrize("profile", ["baseline", "hardened"])
def test_settings_go_over_those_of_the_profile_and_are_valid(profile: str) -> None:
    result = documents(security_profile=profile)
    cluster = result["ClusterConfiguration"]
    assert kube_configuration.mistakes(cluster) == []
    api_server = arguments(cluster["apiServer"])
    assert api_server["shutdown-delay-duration"] == "3s"
    assert (api_server["event-ttl"], api_server["v"]) == ("2h0m0s", "2")
    assert api_server["profiling"] == "true"
    assert ("audit-policy-file" in api_server) is (profile == "hardened")
    gates = "ImageVolume=false,UserNamespaces=true"
    for part in ("apiServer", "controllerManager", "scheduler"):
        assert arguments(cluster[part])["feature-gates"] == gates
    assert arguments(cluster["etcd"]["local"])["snapshot-count"] == "5000"
    kubelet = result["KubeletConfiguration"]
    assert (kubelet["maxPods"], kubelet["podPidsLimit"]) == (99, 100)
    assert kubelet["featureGates"] == SETTINGS["feature_gates"]
    assert ("seccompDefault" in kubelet) is (profile == "hardened")


def test_kube_proxys_fields_are_kept_beside_those_that_containers_need() -> None:
    facts = {"address": "10.0.0.1", "container": True, "cgroup_version": 2}
    hostvars = {name: {"ansible_facts": {"kubedrill_node": facts}} for name in ("cp1", "cp2", "w1")}
    proxy = documents(hostvars=hostvars)["KubeProxyConfiguration"]
    assert proxy["conntrack"] == {"maxPerCore": 0, "min": 0, "tcpBeLiberal": True}
    assert proxy["nodePortAddresses"] == ["0.0.0.0/0"]
