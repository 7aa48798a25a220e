"""Ansible module: claims a cluster for this playbook, or gives it up."""

from __future__ import annotations

from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.kubedrill.kubeadm.plugins.module_utils.claims import (
    ClaimedError,
    release_file,
    release_lease,
    take_file,
    take_lease,
)
from ansible_collections.kubedrill.kubeadm.plugins.module_utils.upgrade_cluster import KUBECONFIG

DOCUMENTATION = r"""
module: cluster_claim
short_description: Claims a cluster, so that no other playbook or drill works on it meanwhile
description:
  - Runs on a control plane. Takes a file on it and, where it has an API that answers, the
    Lease C(kube-system/kubedrill), which drills hold too.
  - A claim of a process that died on the same controller is taken over at once, that of another
    controller when it has run out.
options:
  claim:
    description: Who claims it, by the lookup C(kubedrill.kubeadm.claim).
    type: dict
    required: true
  state:
    description: Whether to claim it or to give it up.
    type: str
    choices: [present, absent]
    default: present
author: kubedrill
"""

EXAMPLES = r"""
- name: Claim the cluster
  kubedrill.kubeadm.cluster_claim:
    claim: "{{ lookup('kubedrill.kubeadm.claim', '') }}"
"""

RETURN = r"""
{}
"""


def main() -> None:
    """Claim or release, and exit."""
    module = AnsibleModule(
        argument_spec={
            "claim": {"type": "dict", "required": True},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        },
        supports_check_mode=True,
    )
    claim = module.params["claim"]
    if module.check_mode:
        module.exit_json(changed=False)
    has_api = Path(KUBECONFIG).exists()
    if module.params["state"] == "absent":
        if has_api:
            release_lease(claim)
        release_file(claim)
        module.exit_json(changed=False)
    try:
        take_file(claim)
        if has_api:
            take_lease(claim)
    except ClaimedError as error:
        release_file(claim)
        module.fail_json(msg=str(error))
    except OSError as error:
        module.fail_json(msg=f"the cluster cannot be claimed, nothing was changed: {error}")
    module.exit_json(changed=False)


if __name__ == "__main__":
    main()
