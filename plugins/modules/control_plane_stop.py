"""Ansible module: stops a control plane that leaves the cluster, or that is to boot again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.kubedrill.kubeadm.plugins.module_utils.objects import STATIC_PODS
from ansible_collections.kubedrill.kubeadm.plugins.module_utils.static_pods import (
    containers,
    healthy_others,
    quorum_problem,
    stop,
)
from ansible_collections.kubedrill.kubeadm.plugins.module_utils.upgrade_cluster import (
    MANIFESTS,
    CommandError,
    run,
)

if TYPE_CHECKING:
    from pathlib import Path

DOCUMENTATION = r"""
module: control_plane_stop
short_description: Stops the kubelet and the control plane's static pods
description:
  - An API server that ends itself takes its address out of the Service kubernetes, and answers what
    it has begun to. C(kubeadm reset) and a shutdown kill it.
  - etcd goes on, so that its member can be removed, unless the node is to boot again.
options:
  boots_again:
    description: Whether the manifests stay and etcd ends too, last, for a boot. Refused where the
      other members are no healthy majority; a cluster's only member may end.
    type: bool
    default: false
  etcdctl:
    description: The etcdctl program, which asks the other members.
    type: str
    default: etcdctl
  peers:
    description: Addresses of the other control planes, for a node that is to boot again.
    type: list
    elements: str
    default: []
  grace:
    description: Seconds that a process gets to end after SIGTERM.
    type: int
    default: 10
author: kubedrill
"""

EXAMPLES = r"""
- name: Stop the API server, the controller manager and the scheduler
  kubedrill.kubeadm.control_plane_stop:
"""

RETURN = r"""
stopped:
  description: What ran before.
  type: list
  elements: str
  returned: always
"""

COMPONENTS = tuple(name for name in STATIC_PODS if name != "etcd")


def running(manifests: Path) -> list[str]:
    """Components that run, or that the kubelet would start."""
    return [
        name for name in COMPONENTS if (manifests / f"{name}.yaml").exists() or containers(name)
    ]


def stop_components(names: list[str], manifests: Path, grace: int) -> None:
    """Stop the kubelet first, which would start them again."""
    run(["systemctl", "stop", "kubelet"], 60)
    for name in names:
        (manifests / f"{name}.yaml").unlink(missing_ok=True)
    stop(names, grace)


def stop_for_boot(grace: int) -> None:
    """Stop the kubelet and all static pods, etcd last; a boot starts them again."""
    run(["systemctl", "stop", "kubelet"], 60)
    stop(list(COMPONENTS), grace)
    stop(["etcd"], grace)


def main() -> None:
    """Stop and exit."""
    module = AnsibleModule(
        argument_spec={
            "boots_again": {"type": "bool", "default": False},
            "etcdctl": {"type": "str", "default": "etcdctl"},
            "peers": {"type": "list", "elements": "str", "default": []},
            "grace": {"type": "int", "default": 10},
        },
        supports_check_mode=True,
    )
    params = module.params
    try:
        names = running(MANIFESTS)
        if params["boots_again"]:
            members = len(params["peers"]) + 1
            others = healthy_others(params["etcdctl"], params["peers"])
            if problem := quorum_problem(others, members):
                module.fail_json(msg=f"{problem}: repair them first")
            if not module.check_mode:
                stop_for_boot(params["grace"])
        elif names and not module.check_mode:
            stop_components(names, MANIFESTS, params["grace"])
    except (CommandError, OSError) as error:
        module.fail_json(msg=f"the control plane could not be stopped: {error}")
    module.exit_json(changed=bool(names), stopped=names)


if __name__ == "__main__":
    main()
