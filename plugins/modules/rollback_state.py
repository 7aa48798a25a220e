"""Ansible module: what a node runs, and how far an earlier rollback came on it.

Reads only, and needs no API.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.kubedrill.kubeadm.plugins.module_utils.rollback_files import Files
from ansible_collections.kubedrill.kubeadm.plugins.module_utils.upgrade_cluster import (
    CommandError,
    run,
)

DOCUMENTATION = r"""
module: rollback_state
short_description: Reads what a node runs, from files and processes
description: Works while the API is away, as it is in the middle of a rollback.
options:
  image_tags:
    description: "Image tags of the older release's static pods, by component, without v; empty on a
      worker."
    type: dict
    default: {}
  kubelet:
    description: The kubelet's installed program.
    type: path
    default: /usr/local/bin/kubelet
author: kubedrill
"""

EXAMPLES = r"""
- name: Read the node's state
  kubedrill.kubeadm.rollback_state:
    image_tags: {etcd: 3.6.6-0, kube-apiserver: 1.35.4}
"""

RETURN = r"""
state:
  description: Versions, missing manifests, etcd's member, free space and the rollback's journal.
  type: dict
  returned: always
"""

ETCD_DATA = Path("/var/lib/etcd")  # kubeadm's default, where no manifest names another


def version_of(program: Path) -> str:
    """Version of a kubelet's program without v, also of one replaced since it started."""
    return run([str(program), "--version"]).strip().rpartition(" v")[2]


def kubelets(installed: Path) -> list[str]:
    """Versions of the kubelet that is installed and of the one that runs."""
    versions = [version_of(installed)] if installed.exists() else []
    pid = run(["systemctl", "show", "-p", "MainPID", "--value", "kubelet"]).strip()
    if pid not in ("", "0"):
        versions.append(version_of(Path("/proc") / pid / "exe"))
    return sorted(set(versions))


def state_of(files: Files, image_tags: dict[str, str], kubelet: Path) -> dict[str, Any]:
    """All that decisions are taken from."""
    etcd = files.etcd()
    data = Path(etcd.get("data", str(ETCD_DATA)))
    return {
        "kubelets": kubelets(kubelet),
        "tags": files.tags() if image_tags else {},
        "missing_manifests": [
            name for name, version in image_tags.items() if files.manifest(name, version) is None
        ],
        "etcd": etcd,
        "free_bytes": shutil.disk_usage(data).free if data.is_dir() else 0,
        "journal": files.journal(),
    }


def main() -> None:
    """Read and exit."""
    module = AnsibleModule(
        argument_spec={
            "image_tags": {"type": "dict", "default": {}},
            "kubelet": {"type": "path", "default": "/usr/local/bin/kubelet"},
        },
        supports_check_mode=True,
    )
    try:
        state = state_of(Files(), module.params["image_tags"], Path(module.params["kubelet"]))
    except (CommandError, OSError, ValueError) as error:
        module.fail_json(msg=f"this node's state cannot be read: {error}")
    module.exit_json(changed=False, state=state)


if __name__ == "__main__":
    main()
