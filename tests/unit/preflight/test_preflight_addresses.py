"""What the cluster's networks or a proxy would take away from nodes is found before."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from types import ModuleType

ALL = "10.0.0.0/24,10.244.0.0/16,10.96.0.0/12"


def node(address: str = "10.0.0.21", **more: Any) -> dict[str, Any]:
    return {
        "joined": False,
        "addresses": ["127.0.0.1", address],
        "ssh_client": "10.0.0.1",
        "gateways": ["10.0.0.1"],
        "resolvers": ["127.0.0.53", "10.0.0.2"],
        "time_servers": [],
        "routes": ["10.0.0.0/24", "172.17.0.0/16"],
        "proxy": {"variables": "", "no_proxy": ""},
        **more,
    }


def expected(**more: Any) -> dict[str, Any]:
    networks = {
        "cluster_node_network": "10.0.0.0/24",
        "cluster_pod_network": "10.244.0.0/16",
        "cluster_service_network": "10.96.0.0/12",
    }
    return {"networks": networks, "endpoint": "10.0.0.10", "resolvers": [], **more}


def proxy(no_proxy: str) -> dict[str, Any]:
    return {"proxy": {"variables": "https_proxy", "no_proxy": no_proxy}}


def test_surroundings_outside_the_cluster_s_networks_pass(address_rules: ModuleType) -> None:
    nodes = {"cp1": node(), "w1": node("10.0.0.31", ssh_client=""), "w2": {"trouble": "failed"}}
    assert address_rules.address_mistakes(nodes, expected()) == []


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"ssh_client": "10.100.1.5"}, "this SSH connection's client 10.100.1.5"),
        ({"gateways": ["10.96.0.1"]}, "the gateway 10.96.0.1"),
        ({"time_servers": ["192.0.2.9", "10.100.1.5"]}, "the time server 10.100.1.5"),
        ({"resolvers": ["10.111.255.255"]}, "the resolver 10.111.255.255"),
        ({"routes": ["10.100.0.0/16"]}, "the route to 10.100.0.0/16"),
        ({"routes": ["10.100.0.7"]}, "the route to 10.100.0.7"),
    ],
)
def test_what_lies_in_the_service_network(
    address_rules: ModuleType, change: dict[str, Any], what: str
) -> None:
    nodes = {"cp1": node(**change), "w1": node("10.0.0.31", **change), "w2": node("10.0.0.32")}
    (mistake,) = address_rules.address_mistakes(nodes, expected())
    within = "cluster_service_network 10.96.0.0/12 (10.96.0.0 to 10.111.255.255)"
    assert mistake.startswith(f"cp1, w1: {what} is inside {within}, and would not be reached")


def test_the_pod_network_and_resolvers_of_the_inventory(address_rules: ModuleType) -> None:
    (mistake,) = address_rules.address_mistakes({"cp1": node(ssh_client="10.244.3.4")}, expected())
    assert "cluster_pod_network 10.244.0.0/16 (10.244.0.0 to 10.244.255.255)" in mistake
    for resolvers in (["10.100.0.53"], "10.100.0.53"):
        nodes = {"cp1": node()}
        (mistake,) = address_rules.address_mistakes(nodes, expected(resolvers=resolvers))
        assert "the resolver of host_resolvers 10.100.0.53 is inside" in mistake


def test_nodes_of_a_running_cluster_are_left_alone(address_rules: ModuleType) -> None:
    inside = {"ssh_client": "10.244.3.4", "resolvers": ["10.96.0.10"], "routes": ["10.244.1.0/24"]}
    nodes = {"cp1": node(joined=True, **inside)}
    assert address_rules.address_mistakes(nodes, expected(resolvers=["10.96.0.10"])) == []


def test_a_wider_route_is_no_mistake(address_rules: ModuleType) -> None:
    nodes = {"cp1": node(routes=["10.0.0.0/8", "fd00::/8"])}
    assert address_rules.address_mistakes(nodes, expected()) == []


@pytest.mark.parametrize(
    ("no_proxy", "missing"),
    [
        ("", "10.0.0.0/24,10.244.0.0/16,10.96.0.0/12"),
        ("localhost,127.0.0.1,.example.com", "10.0.0.0/24,10.244.0.0/16,10.96.0.0/12"),
        ("10.0.0.21,10.0.0.31", "10.244.0.0/16,10.96.0.0/12,10.0.0.10"),
        ("10.0.0.0/24, 10.244.0.0/16", "10.96.0.0/12"),
        ("10.0.0.0/24,10.244.0.0/16,10.96.0.0/16", "10.96.0.0/12"),
    ],
)
def test_a_proxy_that_would_be_asked_for_the_cluster(
    address_rules: ModuleType, no_proxy: str, missing: str
) -> None:
    nodes = {"cp1": node(joined=True, **proxy(no_proxy)), "w1": node("10.0.0.31")}
    (mistake,) = address_rules.address_mistakes(nodes, expected())
    assert mistake.startswith(f"cp1: https_proxy is set, and no_proxy has not {missing}, ")


@pytest.mark.parametrize("no_proxy", ["*", ALL, f"localhost, {ALL}", "10.0.0.0/8"])
def test_a_proxy_with_all_exceptions(address_rules: ModuleType, no_proxy: str) -> None:
    nodes = {"cp1": node(**proxy(no_proxy)), "w1": node("10.0.0.31", **proxy(no_proxy))}
    assert address_rules.address_mistakes(nodes, expected()) == []


def limited(purpose: str = "install") -> dict[str, Any]:
    names = ["cp1", "cp2", "w1", "w2"]
    return {
        "cluster": names,
        "control_planes": names[:2],
        "limit": "some",
        "purpose": purpose,
    }


@pytest.mark.parametrize(
    ("nodes", "left_out", "needing"),
    [
        ({"w2": {"joined": False}}, "cp1, cp2, w1", "w2"),
        ({"cp1": {"joined": True}, "cp2": {"joined": True}}, "w1, w2", "cp1, cp2"),
        ({"w1": {"joined": True}, "w2": {"joined": False}}, "cp1, cp2", "w2"),
    ],
)
def test_a_limit_without_hosts_that_others_need(
    limit_rules: ModuleType, nodes: dict[str, Any], left_out: str, needing: str
) -> None:
    (mistake,) = limit_rules.limit_mistakes(nodes, limited())
    assert mistake.startswith(f"--limit some leaves out {left_out}: ")
    assert f"(here: {needing}); run the same command without --limit" in mistake


def test_a_limit_that_needs_no_other_host(limit_rules: ModuleType) -> None:
    joined = {"w1": {"joined": True}}
    assert limit_rules.limit_mistakes(joined, limited()) == []
    assert limit_rules.limit_mistakes({"w1": {"trouble": "unreachable"}}, limited()) == []
    assert limit_rules.limit_mistakes({"cp1": {"joined": True}}, limited("upgrade")) == []
    everyone = {name: {"joined": False} for name in limited()["cluster"]}
    assert limit_rules.limit_mistakes(everyone, limited()) == []
