"""Ansible module: what the API knows about the cluster that is upgraded.

Runs on any control plane, reads only.
"""

from __future__ import annotations

import re
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.kubedrill.kubeadm.plugins.module_utils.claims import (
    ClaimedError,
    take_lease,
)
from ansible_collections.kubedrill.kubeadm.plugins.module_utils.objects import (
    condition_is_true,
    is_evictable,
)
from ansible_collections.kubedrill.kubeadm.plugins.module_utils.upgrade_cluster import (
    kubectl_json,
    staying_containers,
    unavailable_workloads,
    wait_until_none,
    workload_name,
)

DOCUMENTATION = r"""
module: upgrade_cluster_state
short_description: Reads the nodes, their versions and what is not available
description: Asks through the virtual address. Fails where another playbook or drill has the
  cluster.
options:
  timeout: {description: Seconds to wait until the API answers., type: int, default: 30}
  claim:
    description: Who has claimed the cluster, by the lookup C(kubedrill.kubeadm.claim); its Lease is
      renewed.
    type: dict
    default: {}
author: kubedrill
"""

EXAMPLES = r"""
- name: Read the cluster's state
  kubedrill.kubeadm.upgrade_cluster_state:
    timeout: 30
  register: upgrade_cluster
"""

RETURN = r"""
cluster:
  description: Nodes, versions of the API servers, kubeadm's version, unavailable workloads.
  type: dict
  returned: always
"""

CONTROL_PLANE_LABEL = "node-role.kubernetes.io/control-plane"
UPGRADING_TO = "kubedrill/upgrading-to"
WAS_CORDONED = "kubedrill/was-cordoned"
MAINTAINING = "kubedrill/maintaining"


def node_state(node: dict[str, Any], pods: list[dict[str, Any]]) -> dict[str, Any]:
    """What matters of one node."""
    metadata = node["metadata"]
    addresses = {entry["type"]: entry["address"] for entry in node["status"]["addresses"]}
    annotations = metadata.get("annotations", {})
    return {
        "kubelet": node["status"]["nodeInfo"]["kubeletVersion"].removeprefix("v"),
        "ready": condition_is_true(node, "Ready"),
        "control_plane": CONTROL_PLANE_LABEL in metadata.get("labels", {}),
        "address": addresses.get("InternalIP", ""),
        "cordoned": bool(node["spec"].get("unschedulable")),
        "upgrading_to": annotations.get(UPGRADING_TO, ""),
        "maintaining": annotations.get(MAINTAINING, ""),
        "was_cordoned": annotations.get(WAS_CORDONED) == "true",
        "containers": sorted(staying_containers(pods, metadata["name"])),
        "pods": sum(
            pod["spec"].get("nodeName") == metadata["name"]
            and pod.get("status", {}).get("phase") not in ("Succeeded", "Failed")
            for pod in pods
        ),
        "evictable": sum(
            is_evictable(pod) for pod in pods if pod["spec"].get("nodeName") == metadata["name"]
        ),
    }


def api_servers(pods: list[dict[str, Any]]) -> dict[str, str]:
    """Version of each node's API server, from its static pod."""
    versions = {}
    for pod in pods:
        if pod["metadata"].get("labels", {}).get("component") == "kube-apiserver":
            versions[pod["spec"]["nodeName"]] = pod["spec"]["containers"][0]["image"].rpartition(
                ":v"
            )[2]
    return versions


def read() -> dict[str, Any]:
    """Ask the API for everything."""
    pods = kubectl_json("get", "pods", "-A")["items"]
    nodes = {
        node["metadata"]["name"]: node_state(node, pods)
        for node in kubectl_json("get", "nodes")["items"]
    }
    config = kubectl_json("get", "configmap", "kubeadm-config", "-n", "kube-system")["data"][
        "ClusterConfiguration"
    ]
    version = re.search(r"^kubernetesVersion: v?(\S+)$", config, re.MULTILINE)
    workloads = kubectl_json("get", "deployments,statefulsets", "-A")["items"]
    return {
        "nodes": nodes,
        "api_servers": api_servers(pods),
        "kubeadm_version": version.group(1) if version else "",
        "cluster_configuration": config,
        "unavailable": [workload_name(problem) for problem in unavailable_workloads(workloads)],
    }


def main() -> None:
    """Read and exit."""
    module = AnsibleModule(
        argument_spec={
            "timeout": {"type": "int", "default": 30},
            "claim": {"type": "dict", "default": {}},
        },
        supports_check_mode=True,
    )
    state: dict[str, Any] = {}

    def attempt() -> list[str]:
        state.update(read())
        return []

    problems = wait_until_none(attempt, module.params["timeout"])
    if problems:
        module.fail_json(
            msg=f"the API does not answer through the virtual address: {'; '.join(problems)}"
        )
    try:
        if module.params["claim"] and not module.check_mode:
            take_lease(module.params["claim"], renew_only=True)
    except ClaimedError as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=False, cluster=state)


if __name__ == "__main__":
    main()
