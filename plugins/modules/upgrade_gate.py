"""Ansible module: waits until one node and what depends on it are healthy.

Runs on a control plane, reads only.
"""

from __future__ import annotations

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.kubedrill.kubeadm.plugins.module_utils.upgrade_cluster import (
    CommandError,
    etcd_problems,
    etcdctl,
    former_containers,
    kubectl_json,
    lease_problems,
    node_problems,
    pod_problems,
    silent_kubelets,
    static_pod_problems,
    unavailable_workloads,
    wait_until_none,
    workload_name,
)

DOCUMENTATION = r"""
module: upgrade_gate
short_description: Waits until a node is healthy enough to go on with the next one
description: Fails when the deadline passes, and says what was still wrong.
options:
  node: {description: The node's name., type: str, required: true}
  nodes:
    description: "kubelets: names of the nodes whose kubelets must renew their leases."
    type: list
    elements: str
    default: []
  kubelet:
    description: "The version that its kubelet must report, without v."
    type: str
    default: ""
  control_plane: {description: "The version of its static pods, without v.", type: str, default: ""}
  former:
    description: "static_pods, daemon_sets: ids of containers that ran before the node booted. Until
      its kubelet runs again, the API has their pods as ready as they were."
    type: list
    elements: str
    default: []
  etcdctl: {description: The etcdctl program., type: str, required: true}
  members: {description: How many etcd members the cluster has., type: int, required: true}
  tolerated:
    description: Workloads that were unavailable before.
    type: list
    elements: str
    default: []
  checks:
    description: What to look at.
    type: list
    elements: str
    choices: [node, static_pods, etcd, daemon_sets, kubelets, leaders, workloads]
    required: true
  timeout: {description: Seconds to wait., type: int, required: true}
author: kubedrill
"""

EXAMPLES = r"""
- name: Wait until the node is healthy
  kubedrill.kubeadm.upgrade_gate:
    node: w1
    kubelet: 1.36.3
    etcdctl: /usr/local/bin/etcdctl
    members: 3
    checks: [node, daemon_sets]
    timeout: 180
"""

RETURN = r"""
problems:
  description: What was still wrong when the time ran out.
  type: list
  elements: str
  returned: failure
"""


def problems_of(params: dict[str, Any], first_leases: dict[str, str]) -> list[str]:
    """Everything that is wrong at this moment; ``first_leases`` keeps what was seen first."""
    checks, node, problems = set(params["checks"]), params["node"], []
    if "node" in checks:
        problems += node_problems(kubectl_json("get", "node", node), params["kubelet"])
    if checks & {"static_pods", "daemon_sets"}:
        pods = kubectl_json("get", "pods", "-A", f"--field-selector=spec.nodeName={node}")["items"]
        problems += former_containers(pods, node, params["former"])
        if "static_pods" in checks:
            problems += static_pod_problems(pods, node, params["control_plane"])
        if "daemon_sets" in checks:
            problems += pod_problems(pods, node)
    if "etcd" in checks:
        problems += _etcd(params)
    if "kubelets" in checks:
        items = kubectl_json("get", "leases", "-n", "kube-node-lease")["items"]
        leases = {item["metadata"]["name"]: item["spec"].get("renewTime", "") for item in items}
        if not first_leases:
            first_leases.update(leases)
        problems += silent_kubelets(params["nodes"], first_leases, leases)
    if "leaders" in checks:
        problems += lease_problems(kubectl_json("get", "leases", "-n", "kube-system")["items"])
    if "workloads" in checks:
        items = kubectl_json("get", "deployments,statefulsets", "-A")["items"]
        problems += [
            problem
            for problem in unavailable_workloads(items)
            if workload_name(problem) not in params["tolerated"]
        ]
    return problems


def _etcd(params: dict[str, Any]) -> list[str]:
    members = etcdctl(params["etcdctl"], "member", "list").get("members", [])
    health = etcdctl(params["etcdctl"], "endpoint", "health", "--cluster")
    alarms = etcdctl(params["etcdctl"], "alarm", "list").get("alarms", [])
    return etcd_problems(members, health, alarms, params["members"])


def main() -> None:
    """Wait, then exit."""
    module = AnsibleModule(
        argument_spec={
            "node": {"type": "str", "required": True},
            "nodes": {"type": "list", "elements": "str", "default": []},
            "kubelet": {"type": "str", "default": ""},
            "control_plane": {"type": "str", "default": ""},
            "former": {"type": "list", "elements": "str", "default": []},
            "etcdctl": {"type": "str", "required": True},
            "members": {"type": "int", "required": True},
            "tolerated": {"type": "list", "elements": "str", "default": []},
            "checks": {"type": "list", "elements": "str", "required": True},
            "timeout": {"type": "int", "required": True},
        },
        supports_check_mode=True,
    )
    try:
        first: dict[str, str] = {}
        timeout = module.params["timeout"]
        problems = wait_until_none(lambda: problems_of(module.params, first), timeout)
    except (CommandError, KeyError, ValueError) as error:
        problems = [f"the cluster's answer could not be read: {error!r}"]
    if problems:
        waited = f"waited {module.params['timeout']} s for {module.params['node']}"
        module.fail_json(msg="; ".join([waited, *problems]), problems=problems)
    module.exit_json(changed=False)


if __name__ == "__main__":
    main()
