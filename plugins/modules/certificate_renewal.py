"""Ansible module: renews the certificates of one control plane, in two steps.

Each may be run again at any time, and then does what is left. A kubelet does not start a static pod
again because a file changed, so they are ended in order while it stands still, as in an upgrade:
the API server first, so that its requests end while etcd still serves.
"""

from __future__ import annotations

import fcntl
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.kubedrill.kubeadm.plugins.module_utils.certificates import inspect_servers
from ansible_collections.kubedrill.kubeadm.plugins.module_utils.direct import http_status
from ansible_collections.kubedrill.kubeadm.plugins.module_utils.objects import STATIC_PODS
from ansible_collections.kubedrill.kubeadm.plugins.module_utils.renewal_files import (
    Journal,
    RenewalFiles,
)
from ansible_collections.kubedrill.kubeadm.plugins.module_utils.static_pods import (
    arm_undo,
    disarm_undo,
    healthy_others,
    quorum_problem,
    stop,
    unhealthy,
)
from ansible_collections.kubedrill.kubeadm.plugins.module_utils.upgrade_cluster import (
    CommandError,
    api_port,
    run,
    wait_until_none,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

DOCUMENTATION = r"""
module: certificate_renewal
short_description: Renews the certificates of one control plane
description: >-
  C(stage) has kubeadm renew copies of them; nothing that runs is touched. C(restart) puts them into
  place, starts the static pods again, and waits until they are healthy and serve the new
  certificates; else the former ones are put back.
options:
  step:
    description: Which one.
    type: str
    choices: [stage, restart]
    required: true
  config: {description: "stage: kubeadm's configuration of the cluster.", type: str, default: ""}
  kubeadm:
    description: "stage: the kubeadm program."
    type: path
    default: /usr/local/bin/kubeadm
  etcdctl:
    description: "restart: the etcdctl program."
    type: str
    default: /usr/local/bin/etcdctl
  peers:
    description: "restart: addresses of the other control planes."
    type: list
    elements: str
    default: []
  grace:
    description: "restart: seconds that a process gets to end after SIGTERM."
    type: int
    default: 6
  timeout: {description: Seconds that the step may take., type: int, default: 120}
author: kubedrill
"""

EXAMPLES = r"""
- name: Start the static pods with the new certificates
  kubedrill.kubeadm.certificate_renewal:
    step: restart
    peers: [192.0.2.12, 192.0.2.13]
"""

RETURN = r"""
restarted:
  description: Static pods that were started again.
  type: list
  elements: str
  returned: "restart: success"
"""


LOCK = Path("/run/kubedrill/certificates.lock")


def to_restart(renewal: RenewalFiles) -> list[str]:
    """Static pods to end: all where files are to be replaced, else those that use other ones."""
    if renewal.differing():
        return list(STATIC_PODS)
    servers = inspect_servers(renewal.kubernetes)
    return [name for name in STATIC_PODS if name in {**servers["down"], **servers["outdated"]}]


def explain_danger(names: list[str], params: dict[str, Any]) -> str:
    """Why these static pods must not stop now, "" where they may."""
    peers = params["peers"]
    if "etcd" in names:
        others = healthy_others(params["etcdctl"], peers)
        if problem := quorum_problem(others, len(peers) + 1):
            return f"{problem}: nothing was stopped; repair etcd and run the same command again"
    if "kube-apiserver" in names and (silent := silent_servers(peers)):
        return (
            f"the API server at {', '.join(silent)} is not ready, and two must not be out at the "
            "same time: nothing was stopped; repair it and run the same command again"
        )
    return ""


def silent_servers(peers: list[str]) -> list[str]:
    """Addresses of other control planes whose API server is not ready."""
    return [
        address
        for address in peers
        if http_status(f"https://{address}:{api_port()}/readyz", timeout=5) != 200
    ]


def stop_and_start(names: list[str], grace: float, put: Any) -> None:
    """End static pods while the kubelet stands still, put files into place, start the kubelet."""
    run(["systemctl", "stop", "kubelet"], 60)
    stop([name for name in names if name != "etcd"], grace)
    stop([name for name in names if name == "etcd"], grace)
    put()
    run(["systemctl", "start", "kubelet"], 60)


def problems() -> list[str]:
    """What keeps the static pods from being as they should be."""
    if bad := unhealthy():
        return [f"{name} is not healthy" for name in bad]
    servers = inspect_servers()
    reasons = {**servers["outdated"], **servers["down"]}
    return [f"{name} {reason}" for name, reason in reasons.items()]


def restart(renewal: RenewalFiles, params: dict[str, Any], names: list[str]) -> dict[str, Any]:
    """Restart, wait, and put the former certificates back on failure; returns Ansible's result."""
    journal = renewal.journal()
    if not renewal.begun():
        renewal.keep_running()
    arm_undo(2 * int(params["grace"]) + 120)
    stop_and_start(names, params["grace"], lambda: renewal.place(journal))
    left = wait_until_none(problems, params["timeout"])
    if not left:
        disarm_undo()
        renewal.remove()
        return {"changed": True, "restarted": names}
    after = _give_back(renewal, journal, params) if journal else left
    disarm_undo()
    renewal.remove()
    end = "the former certificates are in use again" if not after else "; ".join(after)
    return {
        "failed": True,
        "changed": True,
        "msg": (
            f"the static pods were not as they should be after {params['timeout']} s "
            f"({'; '.join(left)})" + (f": {end}" if journal else "")
        ),
    }


def _give_back(renewal: RenewalFiles, journal: Journal, params: dict[str, Any]) -> list[str]:
    stop_and_start(list(STATIC_PODS), params["grace"], lambda: renewal.put_back(journal))
    return wait_until_none(problems, params["timeout"])


def run_restart(renewal: RenewalFiles, params: dict[str, Any]) -> dict[str, Any]:
    """Restart what has to be, where that is safe."""
    names = to_restart(renewal)
    if not names:
        was_begun = renewal.begun()
        renewal.remove()
        return {"changed": was_begun, "restarted": []}
    if danger := explain_danger(names, params):
        return {"failed": True, "msg": danger}
    return restart(renewal, params, names)


def run_step(renewal: RenewalFiles, params: dict[str, Any]) -> dict[str, Any]:
    """Do what is asked for; returns Ansible's result."""
    if params["step"] == "restart":
        return run_restart(renewal, params)
    return {"changed": renewal.stage(params["kubeadm"], params["config"], params["timeout"])}


@contextmanager
def alone_on_node(lock: Path = LOCK) -> Iterator[None]:
    """Wait for the module of a playbook that was killed, which goes on without it."""
    lock.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with lock.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def main() -> None:
    """Do the step and exit."""
    module = AnsibleModule(
        argument_spec={
            "step": {"type": "str", "choices": ["stage", "restart"], "required": True},
            "config": {"type": "str", "default": ""},
            "kubeadm": {"type": "path", "default": "/usr/local/bin/kubeadm"},
            "etcdctl": {"type": "str", "default": "/usr/local/bin/etcdctl"},
            "peers": {"type": "list", "elements": "str", "default": []},
            "grace": {"type": "int", "default": 6},
            "timeout": {"type": "int", "default": 120},
        },
        supports_check_mode=True,
    )
    renewal, params = RenewalFiles(), module.params
    result: dict[str, Any] = {"changed": True, "restarted": []}
    try:
        if not module.check_mode:
            with alone_on_node():
                result = run_step(renewal, params)
    except (CommandError, OSError, ValueError) as error:
        module.fail_json(msg=str(error))
    if result.pop("failed", False):
        module.fail_json(**result)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
