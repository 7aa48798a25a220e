"""Ansible module: makes a node a member of the cluster, whatever an interrupted run left behind."""

from __future__ import annotations

import fcntl
import os
import shutil
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.kubedrill.kubeadm.plugins.module_utils.claims import (
    ClaimedError,
    take_lease,
)
from ansible_collections.kubedrill.kubeadm.plugins.module_utils.whole_files import copy_whole

if TYPE_CHECKING:
    from collections.abc import Iterator

DOCUMENTATION = r"""
module: kubeadm_member
short_description: Makes a node a member of the cluster with kubeadm
description:
  - C(state=query) only returns what the node is. With C(state=present) runs kubeadm once.
  - A marker file stands on the node while kubeadm works. A node that still has it was interrupted
    (half) and is reset
    with C(kubeadm reset) first. A lock makes a run wait for the kubeadm that a killed one left.
options:
  state:
    description: Whether to read the membership only.
    type: str
    choices: [query, present]
    default: query
  command:
    description: What kubeadm is to do, such as C(init) or C(join).
    type: str
    choices: [init, join]
  config:
    description: kubeadm's configuration. It lies on the node, for root only and in memory, while
      kubeadm runs.
    type: str
  discovery:
    description: Kubeconfig of kubeadm's file discovery. It lies at
      C(/run/kubedrill/discovery.conf), for root only and in memory, while kubeadm runs.
    type: str
    default: ""
  claim:
    description: Who has claimed the cluster, by the lookup C(kubedrill.kubeadm.claim). After
      C(command=init) its API is claimed too.
    type: dict
    default: {}
  restore:
    description: C(directory) with a backup's snapshot and files, C(name) and C(address) of this
      node. C(command=init) then begins with the cluster that they are of. Empty for a new one.
    type: dict
    default: {}
  wait_s:
    description: Seconds to wait for another kubeadm on this node.
    type: int
    default: 300
author: kubedrill
"""

EXAMPLES = r"""
- name: Check whether the node is a member
  kubedrill.kubeadm.kubeadm_member:
  register: membership

- name: Join the node
  kubedrill.kubeadm.kubeadm_member:
    state: present
    command: join
    config: "{{ lookup('ansible.builtin.template', 'join.yaml.j2') }}"
  when: membership.member != 'member'
"""

RETURN = r"""
member:
  description: >-
    none, half (kubeadm was interrupted), member, or foreign
    (parts of a cluster that this project did not make, or lost the way).
  type: str
  returned: always
leftovers:
  description: Files that made the node foreign.
  type: list
  elements: str
  returned: always
"""

MARKER = Path("/var/lib/kubedrill/joining")
LOCK = Path("/run/kubedrill/kubeadm.lock")
CONFIG = Path("/run/kubedrill/kubeadm.yaml")
DISCOVERY = Path("/run/kubedrill/discovery.conf")
KUBEADM = "/usr/local/bin/kubeadm"
ETCDUTL = "/usr/local/bin/etcdutl"
BUMP = 1_000_000_000
"""As etcd's documentation has it (Disaster recovery)."""
SOCKET = "unix:///run/containerd/containerd.sock"
KUBELET_CONFIG = Path("/etc/kubernetes/kubelet.conf")
ETCD_DATA = Path("/var/lib/etcd")
LEFTOVERS = (Path("/etc/kubernetes/manifests"), Path("/etc/kubernetes/pki"), ETCD_DATA)


@contextmanager
def exclusive(module: AnsibleModule) -> Iterator[int]:
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
                    msg=(
                        f"another kubeadm has been running on this node for "
                        f"{module.params['wait_s']} s: look at it with `ps`, end it, then run "
                        "this playbook again"
                    )
                )
            time.sleep(0.5)
    try:
        yield handle
    finally:
        os.close(handle)


def membership() -> tuple[str, list[str]]:
    """Return what the node is, and the files that made it foreign."""
    if MARKER.exists():
        return "half", []
    if KUBELET_CONFIG.exists():
        return "member", []
    leftovers = [
        str(path) for directory in LEFTOVERS if directory.is_dir() for path in directory.iterdir()
    ]
    return ("foreign", leftovers) if leftovers else ("none", [])


def reset_interrupted(module: AnsibleModule) -> None:
    """Undo what an interrupted kubeadm did on this node.

    The etcd member is removed from the cluster by kubeadm_join_token, so kubeadm must not try to;
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
        module.fail_json(
            msg=f"an interrupted installation could not be reset: {(err or out)[-2000:]}"
        )
    shutil.rmtree(ETCD_DATA / "member", ignore_errors=True)


def place_backup(module: AnsibleModule, restore: dict[str, str]) -> None:
    """Put a backup's authorities where kubeadm takes them up, and its etcd as the only member.

    Revisions are raised above all that the lost cluster can have had, so that no watcher takes an
    old object for a new one.
    """
    staged = Path(restore["directory"])
    files = staged / "files"
    for source in sorted(path for path in files.rglob("*") if path.is_file()):
        target = Path("/") / source.relative_to(files)
        target.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        copy_whole(source, target)
    shutil.rmtree(ETCD_DATA / "member", ignore_errors=True)
    restored = ETCD_DATA / "kubedrill-restored"
    shutil.rmtree(restored, ignore_errors=True)
    ETCD_DATA.mkdir(mode=0o700, parents=True, exist_ok=True)
    name, address = restore["name"], restore["address"]
    peer = f"https://[{address}]:2380" if ":" in address else f"https://{address}:2380"
    argv = [ETCDUTL, "snapshot", "restore", str(staged / "snapshot.db"), "--name", name]
    argv += ["--initial-cluster", f"{name}={peer}", "--initial-advertise-peer-urls", peer]
    argv += ["--data-dir", str(restored), "--bump-revision", str(BUMP), "--mark-compacted"]
    status, out, err = module.run_command(argv)
    if status:
        module.fail_json(msg=f"the snapshot could not be restored: {(err or out)[-2000:]}")
    (restored / "member").replace(ETCD_DATA / "member")
    shutil.rmtree(restored)


def write_private(path: Path, text: str) -> None:
    """Write a file that only root can read."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        stream.write(text)


def run_kubeadm(module: AnsibleModule, lock: int) -> str:
    """Run kubeadm between setting and removing the marker file; return its output."""
    MARKER.parent.mkdir(parents=True, exist_ok=True)
    if MARKER.exists():
        reset_interrupted(module)
    MARKER.touch()
    restore = module.params.get("restore")
    if restore:
        place_backup(module, restore)
    try:
        write_private(CONFIG, module.params["config"])
        if module.params["discovery"]:
            write_private(DISCOVERY, module.params["discovery"])
        argv = [KUBEADM, module.params["command"], "--config", str(CONFIG)]
        if module.params["command"] == "init":
            argv.append("--skip-token-print")
        if restore:  # etcd's data are there already
            argv += ["--ignore-preflight-errors", "DirAvailable--var-lib-etcd"]
        status, out, err = module.run_command(argv, pass_fds=[lock])
    finally:
        CONFIG.unlink(missing_ok=True)
        DISCOVERY.unlink(missing_ok=True)
    if status:
        module.fail_json(
            msg=f"kubeadm {module.params['command']} failed: {err.strip()[-3000:]}",
            stdout=out[-6000:],
        )
    MARKER.unlink()
    return str(out)


def main() -> None:
    """Read the membership, run kubeadm where needed, and exit."""
    module = AnsibleModule(
        argument_spec={
            "state": {"type": "str", "choices": ["query", "present"], "default": "query"},
            "command": {"type": "str", "choices": ["init", "join"]},
            "config": {"type": "str", "no_log": True},
            "discovery": {"type": "str", "default": "", "no_log": True},
            "claim": {"type": "dict", "default": {}},
            "restore": {"type": "dict", "default": {}},
            "wait_s": {"type": "int", "default": 300},
        },
        required_if=[("state", "present", ("command", "config"))],
        supports_check_mode=True,
    )
    with exclusive(module) as lock:
        member, leftovers = membership()
        needed = module.params["state"] == "present" and member in {"none", "half"}
        out = run_kubeadm(module, lock) if needed and not module.check_mode else ""
    try:
        if out and module.params["claim"] and module.params["command"] == "init":
            take_lease(module.params["claim"])
    except ClaimedError as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=needed, member=member, leftovers=leftovers, stdout=out)


if __name__ == "__main__":
    main()
