"""Ansible module: takes a node out of etcd, or out of the API."""

from __future__ import annotations

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.kubedrill.kubeadm.plugins.module_utils.node_membership import (
    delete_trace,
    explain_risk,
    find_traces,
    members_of,
    read_members,
    read_objects,
    summarize_node,
)
from ansible_collections.kubedrill.kubeadm.plugins.module_utils.upgrade_cluster import (
    CommandError,
    etcdctl,
    wait_until_none,
)

DOCUMENTATION = r"""
module: node_membership
short_description: Takes a node out of etcd, or out of the API
description:
  - Runs on another control plane. Does what is left to do, and nothing where nothing is.
  - From etcd the node's member is removed, unless that puts a majority at risk, and then it waits
    until the others are as healthy as before.
  - From the API go its Node, Leases, CertificateSigningRequests, and its name and address in the
    names of kubeadm's configuration. Its kubelet must run no more, which would register it again.
options:
  node: {description: The node's name., type: str, required: true}
  part:
    description: What it is taken out of.
    type: str
    choices: [etcd, api]
    required: true
  etcdctl: {description: The etcdctl program., type: str, default: /usr/local/bin/etcdctl}
  timeout: {description: Seconds that it may take., type: int, default: 60}
author: kubedrill
"""

EXAMPLES = r"""
- name: Remove the member of etcd
  kubedrill.kubeadm.node_membership:
    node: cp1
    part: etcd
"""

RETURN = r"""
removed:
  description: What was removed, or in check mode what would be.
  type: list
  elements: str
  returned: always
"""


class Departure:
    """One node that leaves. ``removed`` names what is gone, without repetition."""

    def __init__(self, module: AnsibleModule) -> None:
        self.node: str = module.params["node"]
        self.program: str = module.params["etcdctl"]
        self.check: bool = module.check_mode
        self.removed: list[str] = []
        self.healthy: set[str] = set()

    def leave_api(self) -> list[str]:
        """Delete what the API has of the node."""
        objects = read_objects()
        node = next((n for n in objects["nodes"] if n["metadata"]["name"] == self.node), None)
        address = str(summarize_node(node)["address"]) if node else ""
        for trace in find_traces(objects, self.node):
            if not self.check:
                delete_trace(trace, objects, [self.node, address])
            self._note(str(trace))
        return []

    def leave_etcd(self) -> list[str]:
        """Remove the member. Raises CommandError where a majority would be at risk."""
        members = read_members(self.program)
        leaving = members_of(members, self.node, self._read_address())
        if risk := explain_risk(members, leaving):
            raise CommandError(risk)
        if leaving:
            self.healthy = {member["id"] for member in members if member["healthy"]}
        for member in leaving:
            if not self.check:
                etcdctl(self.program, "member", "remove", member["id"])
            self._note(f"etcd member {member['name'] or member['id']}")
        if not self.healthy or self.check:
            return []
        return [
            f"etcd member {member['name']} is not healthy"
            for member in read_members(self.program)
            if member["id"] in self.healthy and not member["healthy"]
        ]

    def _read_address(self) -> str:
        nodes = {node["metadata"]["name"]: node for node in read_objects()["nodes"]}
        node = nodes.get(self.node)
        return str(summarize_node(node)["address"]) if node else ""

    def _note(self, what: str) -> None:
        if what not in self.removed:
            self.removed.append(what)


def main() -> None:
    """Remove and exit."""
    module = AnsibleModule(
        argument_spec={
            "node": {"type": "str", "required": True},
            "part": {"type": "str", "choices": ["etcd", "api"], "required": True},
            "etcdctl": {"type": "str", "default": "/usr/local/bin/etcdctl"},
            "timeout": {"type": "int", "default": 60},
        },
        supports_check_mode=True,
    )
    departure = Departure(module)
    step = departure.leave_etcd if module.params["part"] == "etcd" else departure.leave_api
    if problems := wait_until_none(step, module.params["timeout"]):
        module.fail_json(
            msg=f"{departure.node} is still in the cluster: {'; '.join(problems)}",
            removed=departure.removed,
        )
    module.exit_json(changed=bool(departure.removed), removed=departure.removed)


if __name__ == "__main__":
    main()
