"""Ansible module: makes a node a member of the cluster, whatever an earlier, cut run left behind."""

from __future__ import annotations

import fcntl
import os
import shutil
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ansible.module_utils.basic import AnsibleModule

if TYPE_CHECKING:
    from collections.abc import Iterator

DOCUMENTATION = r"""
module: kubeadm_member
short_description: Makes a node a member of the cluster with kubeadm
description:
  - With C(state=seen) only tells what the node is. With C(state=present) runs kubeadm once.
  - A mark stands on the node while kubeadm works. A node that still has it was cut in the middle (half), so it is taken
    back with C(kubeadm reset) first. A lock makes a run wait for the kubeadm that a killed one left.
options:
  state:
    description: Whether to look or to act.
    type: str
    choices: [seen, present]
    default: seen
  command:
    description: What kubeadm is to do, such as C(init) or C(join).
    type: str
    choices: [init, join]
  config:
    description: kubeadm's configuration. It lies on the node, for root only and in memory, while kubeadm runs.
    type: str
  wait_s:
    description: Seconds to wait for another kubeadm on this node.
    type: int
    default: 300
author: kubedrill
"""

RETURN = r"""
member:
  description: >-
    none, half (kubeadm was cut), member, or foreign
    (parts of a cluster that this project did not make, or lost the way).
  type: str
  returned: always
found:
  description: Files that made the node foreign.
  type: list
  elements: str
  returned: always
"""

MARK = Path("/var/lib/kubedrill/joining")
LOCK = Path("/run/kubedrill/kubeadm.lock")
CONFIG = Path("/run/kubedrill/kubeadm.yaml")
KUBEADM = "/usr/local/bin/kubeadm"
SOCKET = "unix:///run/containerd/containerd.sock"
KUBELET_CONFIG = Path("/etc/kubernetes/kubelet.conf")
ETCD_DATA = Path("/var/lib/etcd")
LEFTOVERS = (Path("/etc/kubernetes/manifests"), Path("/etc/kubernetes/pki"), ETCD_DATA)


@contextmanager
def alone(module: AnsibleModule) -> Iterator[int]:
    """Hold this node's kubeadm lock.

    Kubeadm inherits it, so a kubeadm whose caller died still holds it.
    """
    LOCK.parent.mkdir(mode=0o700, exist_ok=True)
    handle = os.open(LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    os.set_inheritable(handle, True)
    deadline = time.monotonic() + module.params["wait_s"]
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except BlockingIOError:
            if time.monotonic() > deadline:
                module.fail_json(
                    msg=f"another kubeadm has been running on this node for {module.params['wait_s']} s: look at "
                    "it with `ps`, end it, then run this playbook again"
                )
            time.sleep(0.5)
    try:
        yield handle
    finally:
        os.close(handle)


def look() -> tuple[str, list[str]]:
    """What the node is, and the files that say so."""
    if MARK.exists():
        return "half", []
    if KUBELET_CONFIG.exists():
        return "member", []
    found = [
        str(path) for directory in LEFTOVERS if directory.is_dir() for path in directory.iterdir()
    ]
    return ("foreign", found) if found else ("none", [])


def take_back(module: AnsibleModule) -> None:
    """Undo what a cut kubeadm did on this node.

    The etcd member is removed from the cluster by kubeadm_invitation, so kubeadm must not try to;
    but the phase that it skips for that is also the one that removes the member's data.
    """
    argv = [
        KUBEADM,
        "reset",
        "--force",
        "--cri-socket",
        SOCKET,
        "--skip-phases",
        "remove-etcd-member",
    ]
    status, out, err = module.run_command(argv)
    if status:
        module.fail_json(msg=f"a cut installation could not be taken back: {(err or out)[-2000:]}")
    shutil.rmtree(ETCD_DATA / "member", ignore_errors=True)


def act(module: AnsibleModule, lock: int) -> str:
    """Run kubeadm under the mark, holding the lock; return what it said."""
    MARK.parent.mkdir(parents=True, exist_ok=True)
    if MARK.exists():
        take_back(module)
    MARK.touch()
    config = os.open(CONFIG, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(config, "w", encoding="utf-8") as stream:
            stream.write(module.params["config"])
        argv = [KUBEADM, module.params["command"], "--config", str(CONFIG)]
        status, out, err = module.run_command(argv, pass_fds=[lock])
    finally:
        CONFIG.unlink()
    if status:
        module.fail_json(
            msg=f"kubeadm {module.params['command']} failed: {err.strip()[-3000:]}",
            stdout=out[-6000:],
        )
    MARK.unlink()
    return str(out)


def main() -> None:
    """Look or act, and exit."""
    module = AnsibleModule(
        argument_spec={
            "state": {"type": "str", "choices": ["seen", "present"], "default": "seen"},
            "command": {"type": "str", "choices": ["init", "join"]},
            "config": {"type": "str", "no_log": True},
            "wait_s": {"type": "int", "default": 300},
        },
        required_if=[("state", "present", ("command", "config"))],
        supports_check_mode=True,
    )
    with alone(module) as lock:
        member, found = look()
        wanted = module.params["state"] == "present" and member in {"none", "half"}
        out = act(module, lock) if wanted and not module.check_mode else ""
    module.exit_json(changed=wanted, member=member, found=found, stdout=out)


if __name__ == "__main__":
    main()
