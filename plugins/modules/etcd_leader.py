"""Ansible module: hands etcd's leadership from this node's member to another, if it has it."""

from __future__ import annotations

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.kubedrill.kubeadm.plugins.module_utils.upgrade_cluster import (
    ETCD_METRICS,
    CommandError,
    etcdctl,
    http_ok,
)

DOCUMENTATION = r"""
module: etcd_leader
short_description: Moves etcd's leadership off this node
description: A leader that stops costs an election; one that hands over does not.
options:
  etcdctl: {description: The etcdctl program., type: str, required: true}
  prefer:
    description: Names of members to hand over to first.
    type: list
    elements: str
    default: []
author: kubedrill
"""

EXAMPLES = r"""
- name: Move etcd's leadership to another member
  kubedrill.kubeadm.etcd_leader:
    etcdctl: /usr/local/bin/etcdctl
    prefer: [cp1]
"""

RETURN = r"""
leader:
  description: Whether this node's member was the leader and handed over.
  type: bool
  returned: always
successor:
  description: Id of the new leader, in hexadecimal.
  type: str
  returned: when it handed over
"""


def successor(members: list[dict[str, object]], member_id: int, prefer: list[str]) -> int | None:
    """Id of the member to hand over to: a preferred one if there is one, never a learner.

    >>> three = [{"ID": 1, "name": "cp1"}, {"ID": 2, "name": "cp2"}, {"ID": 3, "name": "cp3"}]
    >>> successor(three, 1, ["cp3"]), successor(three[:1], 1, [])
    (3, None)
    """
    voters = [
        member for member in members if member["ID"] != member_id and not member.get("isLearner")
    ]
    voters.sort(key=lambda member: member.get("name") not in prefer)
    return int(str(voters[0]["ID"])) if voters else None


def main() -> None:
    """Look, hand over, exit."""
    module = AnsibleModule(
        argument_spec={
            "etcdctl": {"type": "str", "required": True},
            "prefer": {"type": "list", "elements": "str", "default": []},
        },
        supports_check_mode=True,
    )
    if not http_ok(f"{ETCD_METRICS}/health"):
        module.exit_json(changed=False, leader=False)  # a member that is down leads nothing
    program = module.params["etcdctl"]
    try:
        status = etcdctl(program, "endpoint", "status")[0]["Status"]
        member_id = status["header"]["member_id"]
        target = successor(
            etcdctl(program, "member", "list")["members"], member_id, module.params["prefer"]
        )
        if status["leader"] != member_id or target is None:
            module.exit_json(changed=False, leader=False)
        if not module.check_mode:
            etcdctl(program, "move-leader", f"{target:x}")
    except CommandError as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=True, leader=True, successor=f"{target:x}")


if __name__ == "__main__":
    main()
