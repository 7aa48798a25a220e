"""Ansible module: waits until every node's kubelet renews its lease.

Runs on a control plane, reads only.

What the API says of nodes and pods after a restore is as old as the snapshot, also that they are
Ready. A lease that moves is of now: it is compared with itself, so that no clock matters.
"""

from __future__ import annotations

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.kubedrill.kubeadm.plugins.module_utils.upgrade_cluster import (
    CommandError,
    kubectl_json,
    wait_until_none,
)

DOCUMENTATION = r"""
module: kubelet_leases
short_description: Waits until every kubelet renews its lease
description: A kubelet renews it every 10 s (Kubernetes' default, a quarter of the lease's 40 s).
options:
  nodes: {description: Names of the nodes., type: list, elements: str, required: true}
  timeout: {description: Seconds to wait., type: int, required: true}
author: kubedrill
"""

EXAMPLES = r"""
- name: Wait until every kubelet renews its lease
  kubedrill.kubeadm.kubelet_leases:
    nodes: "{{ groups['cluster'] }}"
    timeout: 120
"""

RETURN = r"""
{}
"""

Renewed = dict[str, str]


def renewed(leases: list[dict[str, Any]]) -> Renewed:
    """When each node's lease was renewed last, by node."""
    return {lease["metadata"]["name"]: lease["spec"].get("renewTime", "") for lease in leases}


def silent(nodes: list[str], first: Renewed, now: Renewed) -> list[str]:
    """Nodes whose lease has not moved since it was seen first.

    >>> silent(["cp1", "w1", "w2"], {"cp1": "a", "w1": "a"}, {"cp1": "b", "w1": "a"})
    ["w1's kubelet has not renewed its lease", "w2's kubelet has not renewed its lease"]
    """
    return [
        f"{name}'s kubelet has not renewed its lease"
        for name in nodes
        if now.get(name, "") == first.get(name, "")
    ]


def main() -> None:
    """Look, wait, exit."""
    module = AnsibleModule(
        argument_spec={
            "nodes": {"type": "list", "elements": "str", "required": True},
            "timeout": {"type": "int", "required": True},
        },
        supports_check_mode=True,
    )
    first: list[Renewed] = []

    def probe() -> list[str]:
        try:
            now = renewed(kubectl_json("get", "leases", "-n", "kube-node-lease")["items"])
        except (KeyError, ValueError) as error:
            raise CommandError(f"the API's answer cannot be read: {error!r}") from error
        first.append(now)
        return silent(module.params["nodes"], first[0], now)

    problems = wait_until_none(probe, module.params["timeout"], poll=1.0)
    if problems:
        module.fail_json(
            msg=(
                f"after {module.params['timeout']} s: {'; '.join(problems)}; run the same command "
                f"again"
            )
        )
    module.exit_json(changed=False)


if __name__ == "__main__":
    main()
