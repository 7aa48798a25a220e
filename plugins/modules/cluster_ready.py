"""Ansible module: waits until nodes and the cluster's own workloads are ready. Reads only."""

from __future__ import annotations

import time
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.kubedrill.kubeadm.plugins.module_utils.objects import (
    condition,
    is_observed,
    replica_counts,
)
from ansible_collections.kubedrill.kubeadm.plugins.module_utils.upgrade_cluster import (
    CommandError,
    kubectl_json,
    wait_until_none,
)

DOCUMENTATION = r"""
module: cluster_ready
short_description: Waits until nodes and the cluster's own workloads are ready
description: Runs on a control plane. When time runs out the message names each thing that is not
  ready, and why.
options:
  nodes:
    description: Names of all nodes that must be Ready.
    type: list
    elements: str
    required: true
  namespaces:
    description: Namespaces whose DaemonSets and Deployments must be ready.
    type: list
    elements: str
    default: [kube-system]
  workloads:
    description: Kind/name of DaemonSets and Deployments that must be there.
    type: list
    elements: str
    default: []
  api_services:
    description: Names of aggregated APIs that must be available.
    type: list
    elements: str
    default: []
  timeout_s:
    description: Seconds to wait.
    type: int
    default: 180
author: kubedrill
"""

EXAMPLES = r"""
- name: Wait until the cluster can be used
  kubedrill.kubeadm.cluster_ready:
    nodes: "{{ groups['cluster'] }}"
    workloads: [DaemonSet/kube-proxy, Deployment/coredns]
"""

RETURN = r"""
waited_s:
  description: Seconds it took.
  type: float
  returned: always
"""

Thing = dict[str, Any]


def node_problems(items: list[Thing], expected: list[str]) -> list[str]:
    """Say which nodes are absent or not Ready."""
    nodes = {
        item["metadata"]["name"]: condition(item, "Ready")
        for item in items
        if item["kind"] == "Node"
    }
    problems = [f"node {name} has not joined" for name in expected if name not in nodes]
    for name, ready in nodes.items():
        if name in expected and ready.get("status") != "True":
            problems.append(
                f"node {name} is not Ready: {ready.get('message', 'it has not said anything yet')}"
            )
    return problems


def shortfall(item: Thing) -> str:
    """What keeps a DaemonSet or Deployment from being complete and up to date, "" for nothing."""
    if not is_observed(item):
        return "was not looked at by its controller yet"
    expected, counts = replica_counts(item["kind"], item)
    complete = min(counts["ready"], counts["updated"])
    return "" if expected and complete >= expected else f"has {complete} of {expected} pods ready"


def reason(pods: list[Thing], namespace: str, selector: dict[str, str]) -> str:
    """Why the pods of a workload are not ready, in their own words."""
    words = []
    for pod in pods:
        labels = pod["metadata"].get("labels", {})
        if pod["metadata"]["namespace"] != namespace or not selector.items() <= labels.items():
            continue
        ready = condition(pod, "Ready")
        if ready.get("status") == "True":
            continue
        waiting = [
            status["state"].get("waiting", {})
            for status in pod["status"].get("containerStatuses", [])
        ]
        reasons = [
            f"{status['reason']} {status.get('message', '')}".strip()
            for status in waiting
            if "reason" in status
        ]
        place = pod["spec"].get("nodeName", "no node")
        scheduled = condition(pod, "PodScheduled").get("message", "")
        words.append(
            f"{pod['metadata']['name']} on {place}: "
            f"{'; '.join(reasons) or scheduled or ready.get('message', 'pending')}"
        )
    return ", ".join(words)


def workload_problems(items: list[Thing], namespaces: list[str], expected: list[str]) -> list[str]:
    """Say which DaemonSets and Deployments are absent or not complete."""
    pods = [item for item in items if item["kind"] == "Pod"]
    listed = [
        item
        for item in items
        if item["kind"] in {"DaemonSet", "Deployment"}
        and item["metadata"]["namespace"] in namespaces
    ]
    names = {f"{item['kind']}/{item['metadata']['name']}" for item in listed}
    problems = [f"{name} is not there" for name in expected if name not in names]
    for item in listed:
        lack = shortfall(item)
        if lack:
            why = reason(
                pods, item["metadata"]["namespace"], item["spec"]["selector"]["matchLabels"]
            )
            problems.append(
                f"{item['kind']} {item['metadata']['name']} {lack}" + (f" ({why})" if why else "")
            )
    return problems


def api_problems(items: list[Thing], expected: list[str]) -> list[str]:
    """Say which aggregated APIs the API servers cannot reach."""
    services = {
        item["metadata"]["name"]: condition(item, "Available")
        for item in items
        if item["kind"] == "APIService"
    }
    return [
        f"API service {name} is not available: "
        f"{services.get(name, {}).get('message', 'it is not there')}"
        for name in expected
        if services.get(name, {}).get("status") != "True"
    ]


def find_problems(params: dict[str, Any]) -> list[str]:
    """Ask the API once."""
    kinds = "nodes,daemonsets.apps,deployments.apps,pods,apiservices"
    try:
        items = kubectl_json("get", kinds, "-A")["items"]
    except CommandError as error:
        return [f"the API does not answer: {str(error)[-500:]}"]
    return [
        *node_problems(items, params["nodes"]),
        *workload_problems(items, params["namespaces"], params["workloads"]),
        *api_problems(items, params["api_services"]),
    ]


def main() -> None:
    """Wait and exit."""
    module = AnsibleModule(
        argument_spec={
            "nodes": {"type": "list", "elements": "str", "required": True},
            "namespaces": {"type": "list", "elements": "str", "default": ["kube-system"]},
            "workloads": {"type": "list", "elements": "str", "default": []},
            "api_services": {"type": "list", "elements": "str", "default": []},
            "timeout_s": {"type": "int", "default": 180},
        },
        supports_check_mode=True,
    )
    began = time.monotonic()
    timeout = 0 if module.check_mode else module.params["timeout_s"]
    problems = wait_until_none(lambda: find_problems(module.params), timeout, poll=1)
    if problems and not module.check_mode:
        module.fail_json(
            msg=f"after {timeout} s the cluster is not ready: {'; '.join(problems)}",
            problems=problems,
        )
    module.exit_json(changed=False, waited_s=round(time.monotonic() - began, 1))


if __name__ == "__main__":
    main()
