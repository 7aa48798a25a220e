"""Ansible module: cordons a node and evicts its pods, as ``kubectl drain`` does.

Runs where a kubectl can reach the API, which is asked for everything.
"""

from __future__ import annotations

import math
import time
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.kubedrill.kubeadm.plugins.module_utils.draining import (
    Draining,
    DrainRefusedError,
)
from ansible_collections.kubedrill.kubeadm.plugins.module_utils.kube_api import (
    ApiUnavailable,
    KubeApi,
    KubeconfigError,
    read_kubeconfig,
)

DOCUMENTATION = r"""
module: node_drain
short_description: Cordons a node and evicts its pods
description:
  - Does what C(kubectl drain --ignore-daemonsets) does, and asks sooner again where a
    PodDisruptionBudget refuses an eviction. Pods of DaemonSets and static pods stay, pods that have
    ended are deleted. It waits until every evicted pod is gone.
  - A pod without a controller refuses the drain before the node is cordoned. When the time is over
    the node stays cordoned, and the failure names each pod that is left and what keeps it.
  - In check mode it only reads, and also fails where a budget whose pods are all healthy allows no
    eviction, which no time would change.
options:
  node: {description: The node's name., type: str, required: true}
  timeout:
    description: Seconds until the drain is given up, 0 for none.
    type: int
    default: 180
  retry_delay:
    description: Seconds between two rounds of evictions.
    type: float
    default: 0.5
  force:
    description: Evict pods without a controller too, which are gone for good.
    type: bool
    default: false
  delete_emptydir_data:
    description: Evict pods with emptyDir volumes too, whose data are lost.
    type: bool
    default: false
  kubectl:
    description: The kubectl command whose kubeconfig names the API server and the credentials.
    type: list
    elements: str
    default: [kubectl, --kubeconfig, /etc/kubernetes/admin.conf]
author: kubedrill
"""

EXAMPLES = r"""
- name: Drain a node
  kubedrill.kubeadm.node_drain:
    node: w1
    timeout: 180
    delete_emptydir_data: true
"""

RETURN = r"""
evicted:
  description: The pods that the API let go, or in check mode those that have to go.
  type: list
  elements: str
  returned: always
blockers:
  description: The pods that are left, each with what keeps it.
  type: list
  elements: str
  returned: failure
timed_out:
  description: Whether the time was over; otherwise the drain was refused.
  type: bool
  returned: failure
"""

REQUEST_S = 10.0


def wait(api: KubeApi, draining: Draining, timeout: float, retry_delay: float) -> bool:
    """Drain until it is over; whether it was before the deadline, at which it is tried last."""
    deadline = time.monotonic() + (timeout or math.inf)
    while True:
        left = deadline - time.monotonic()
        api.timeout = min(REQUEST_S, max(1.0, left))
        if draining.try_round():
            return True
        left = deadline - time.monotonic()
        if left <= 0:
            return False
        time.sleep(min(left, max(retry_delay, draining.pause)))


def check_only(module: AnsibleModule, draining: Draining) -> None:
    """Say what would be done."""
    try:
        names = draining.check()
        changed = bool(names) or not draining.is_cordoned()
        closed = [str(blocker) for blocker in draining.find_closed()]
    except ApiUnavailable as error:
        module.fail_json(msg=str(error), evicted=[], blockers=[str(error)], timed_out=True)
    if closed:
        module.fail_json(msg="; ".join(closed), evicted=[], blockers=closed, timed_out=False)
    module.exit_json(changed=changed, evicted=names)


def main() -> None:
    """Drain and exit."""
    module = AnsibleModule(
        argument_spec={
            "node": {"type": "str", "required": True},
            "timeout": {"type": "int", "default": 180},
            "retry_delay": {"type": "float", "default": 0.5},
            "force": {"type": "bool", "default": False},
            "delete_emptydir_data": {"type": "bool", "default": False},
            "kubectl": {
                "type": "list",
                "elements": "str",
                "default": ["kubectl", "--kubeconfig", "/etc/kubernetes/admin.conf"],
            },
        },
        supports_check_mode=True,
    )
    params = module.params
    mistakes = [
        f"{name} is {params[name]:g}, expected {expected}"
        for name, expected, right in (
            ("timeout", "0 seconds (no limit) or more", params["timeout"] >= 0),
            ("retry_delay", "0.1 seconds or more", params["retry_delay"] >= 0.1),
        )
        if not right
    ]
    if mistakes:
        module.fail_json(msg="; ".join(mistakes), evicted=[], blockers=mistakes, timed_out=False)
    try:
        api = KubeApi(read_kubeconfig(params["kubectl"]))
        draining = Draining(
            api,
            params["node"],
            force=params["force"],
            delete_local_data=params["delete_emptydir_data"],
        )
        if module.check_mode:
            check_only(module, draining)
        in_time = wait(api, draining, params["timeout"], params["retry_delay"])
    except (DrainRefusedError, KubeconfigError) as error:
        reasons = getattr(error, "reasons", [str(error)])
        module.fail_json(msg=str(error), evicted=[], blockers=reasons, timed_out=False)
    result: dict[str, Any] = {
        "changed": draining.cordoned or bool(draining.evicted),
        "evicted": draining.evicted,
    }
    blockers = [str(blocker) for blocker in draining.blockers()]
    if blockers:
        module.fail_json(
            msg="; ".join(blockers), blockers=blockers, timed_out=not in_time, **result
        )
    module.exit_json(**result)


if __name__ == "__main__":
    main()
