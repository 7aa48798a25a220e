"""Ansible module: what the API and etcd know of the cluster's nodes. Reads only."""

from __future__ import annotations

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.kubedrill.kubeadm.plugins.module_utils.node_membership import read_cluster
from ansible_collections.kubedrill.kubeadm.plugins.module_utils.upgrade_cluster import (
    wait_until_none,
)

DOCUMENTATION = r"""
module: cluster_members
short_description: Reads the nodes, the members of etcd, and what belongs to a node
description: Runs on a control plane whose member of etcd is healthy. Asks through the endpoint.
options:
  names:
    description: The nodes whose objects are listed.
    type: list
    elements: str
    default: []
  etcdctl: {description: The etcdctl program., type: str, default: /usr/local/bin/etcdctl}
  timeout: {description: Seconds to wait until both answer., type: int, default: 30}
author: kubedrill
"""

EXAMPLES = r"""
- name: Read the cluster's members
  kubedrill.kubeadm.cluster_members:
    names: [w2]
  register: cluster_members
"""

RETURN = r"""
cluster:
  description: >-
    nodes (ready, address, control_plane, takes_pods), members of etcd (id, name, peer_urls,
    learner, healthy), volumes that only some nodes can mount (name, claim, nodes), traces (the
    objects of each of C(names)) and the workloads that are unavailable.
  type: dict
  returned: always
"""


def main() -> None:
    """Read and exit."""
    module = AnsibleModule(
        argument_spec={
            "names": {"type": "list", "elements": "str", "default": []},
            "etcdctl": {"type": "str", "default": "/usr/local/bin/etcdctl"},
            "timeout": {"type": "int", "default": 30},
        },
        supports_check_mode=True,
    )
    state: dict[str, Any] = {}

    def attempt() -> list[str]:
        state.update(read_cluster(module.params["names"], module.params["etcdctl"]))
        return []

    if problems := wait_until_none(attempt, module.params["timeout"]):
        module.fail_json(msg=f"the cluster cannot be read: {'; '.join(problems)}")
    module.exit_json(changed=False, cluster=state)


if __name__ == "__main__":
    main()
