"""Inventories as Ansible hands them to filters, without a mistake."""

from __future__ import annotations

from typing import Any

SHARED = {
    "cluster_kubernetes_version": "1.35.4",
    "cluster_virtual_address": "10.0.0.10",
    "cluster_api_port": 8443,
    "cluster_node_network": "10.0.0.0/24",
    "cluster_pod_network": "10.244.0.0/16",
    "cluster_service_network": "10.96.0.0/12",
}


def inventory(
    planes: int = 3, workers: int = 2, **shared: Any
) -> tuple[dict[str, list[str]], dict[str, dict[str, Any]]]:
    cps, ws = [f"cp{i}" for i in range(1, planes + 1)], [f"w{i}" for i in range(1, workers + 1)]
    groups = {
        "all": cps + ws,
        "ungrouped": [],
        "cluster": cps + ws,
        "control_planes": cps,
        "workers": ws,
    }
    hosts = {
        name: {**SHARED, **shared, "ansible_host": f"10.0.0.{20 + i}"}
        for i, name in enumerate(cps + ws)
    }
    return groups, hosts


def behind_balancer(balancers: tuple[str, ...] = ("lb1",), **shared: Any) -> tuple[Any, Any]:
    result = {
        "cluster_endpoint_kind": "external",
        "cluster_external_address": "192.0.2.9",
        **shared,
    }
    groups, hosts = inventory(**result)
    for values in hosts.values():
        del values["cluster_virtual_address"]
    groups["load_balancers"], groups["all"] = list(balancers), [*groups["all"], *balancers]
    for i, name in enumerate(balancers):
        hosts.setdefault(name, {"ansible_host": f"192.0.2.{9 + i}"})
    return groups, hosts
