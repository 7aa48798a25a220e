"""Ansible module: installs and verifies the parts of a release bundle that a node needs."""

from __future__ import annotations

import json
import os

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.kubedrill.kubeadm.plugins.module_utils.part_installer import (
    BadPartError,
    Installer,
)

DOCUMENTATION = r"""
module: bundle_parts
short_description: Installs the parts of a release bundle that a node needs
description:
  - A part is hashed once, while it is installed, and compared with bundle.json. What was installed
    is remembered with
    its hash, size and time of change, so that another run reads no part again.
  - Programs are copied to a temporary name and renamed. Images are imported into containerd's
    C(k8s.io) namespace and pinned, so that the kubelet's garbage collection leaves them.
options:
  bundle:
    description: The bundle's directory on the node.
    type: path
    required: true
  manifest:
    description: The text of the controller's bundle.json. The node's must be the same.
    type: str
    required: true
  role:
    description: What the node is.
    type: str
    choices: [control_plane, worker]
    required: true
  kinds:
    description: Kinds of parts to install.
    type: list
    elements: str
    choices: [binary, cni, image]
    required: true
  only:
    description: Names of the parts to install; all when empty.
    type: list
    elements: str
    default: []
  gentle:
    description: >-
      Leave disk and processors to the etcd and the pods that run here - one part at a time, what is
      written goes to the
      disk bit by bit, images come at a limited rate and are unpacked now and not when their pods
      start.
    type: bool
    default: false
  copied:
    description: The missing parts were copied just now, so that one that is corrupt is an error.
      Else it is removed from a bundle that can be written, and returned in C(absent).
    type: bool
    default: false
  bin_dir:
    description: Where programs go.
    type: path
    default: /usr/local/bin
  cni_dir:
    description: Where CNI plugins go.
    type: path
    default: /opt/cni/bin
  memory:
    description: File that remembers what was installed.
    type: path
    default: /var/lib/kubedrill/parts.json
author: kubedrill
"""

EXAMPLES = r"""
- name: Install the bundle's programs
  kubedrill.kubeadm.bundle_parts:
    bundle: /opt/kubedrill/bundles/v1.35.4-amd64
    manifest: "{{ lookup('ansible.builtin.file', 'v1.35.4-amd64/bundle.json') }}"
    role: worker
    kinds: [binary, cni]
"""

RETURN = r"""
absent:
  description: >-
    Paths in the bundle that are missing or not what the controller's bundle.json says. Nothing was
    installed where one was missing, and the others where one was corrupt.
  returned: always
  type: list
  elements: str
missing:
  description: Names of the parts that were not installed, or not as the controller's bundle.json
    has them.
  returned: always
  type: list
  elements: str
writable:
  description: Whether the bundle's directory can be written, that is, is not a mount of the
    controller's cache.
  returned: always
  type: bool
installed:
  description: Names of the parts that were installed.
  returned: always
  type: list
  elements: str
"""


def main() -> None:
    """Install what is missing and exit."""
    module = AnsibleModule(
        argument_spec={
            "bundle": {"type": "path", "required": True},
            "manifest": {"type": "str", "required": True},
            "role": {"type": "str", "choices": ["control_plane", "worker"], "required": True},
            "kinds": {
                "type": "list",
                "elements": "str",
                "choices": ["binary", "cni", "image"],
                "required": True,
            },
            "only": {"type": "list", "elements": "str", "default": []},
            "gentle": {"type": "bool", "default": False},
            "copied": {"type": "bool", "default": False},
            "bin_dir": {"type": "path", "default": "/usr/local/bin"},
            "cni_dir": {"type": "path", "default": "/opt/cni/bin"},
            "memory": {"type": "path", "default": "/var/lib/kubedrill/parts.json"},
        },
        supports_check_mode=True,
    )
    installer = Installer(module)
    parts = installer.select(json.loads(module.params["manifest"]))
    writable = not installer.bundle.exists() or os.access(installer.bundle, os.W_OK)
    images = installer.images() if "image" in module.params["kinds"] else set()
    missing = [part for part in parts if not installer.done(part, images)]
    result = {
        "absent": installer.absent(parts),
        "missing": [part["name"] for part in missing],
        "writable": writable,
        "installed": [],
    }
    if result["absent"] and module.params["copied"]:
        module.fail_json(
            msg=f"{', '.join(result['absent'])} is not what bundle.json says, although it was "
            f"copied to {installer.bundle} just now: run `kubedrill bundle build` on the "
            f"controller, then this playbook again",
            **result,
        )
    if result["absent"]:
        module.exit_json(changed=False, **result)
    unpinned = installer.unpinned([part for part in parts if part not in missing], images)
    result["installed"] = result["missing"]
    if missing and not module.check_mode:
        if module.params["gentle"]:
            os.nice(19)
        try:
            copied_anew = writable and not module.params["copied"]
            result["absent"] = installer.install_all(missing, copied_anew=copied_anew)
        except BadPartError as error:
            module.fail_json(msg=str(error), **result)
    if not module.check_mode:
        for image in unpinned:
            installer.pin(image)
    module.exit_json(changed=bool(missing or unpinned), **result)


if __name__ == "__main__":
    main()
