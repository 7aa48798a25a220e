"""Ansible module: the key by which API servers encrypt Secrets, the same on all control planes."""

from __future__ import annotations

import base64
import secrets
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.kubedrill.kubeadm.plugins.module_utils.whole_files import write_whole

DOCUMENTATION = r"""
module: encryption_key
short_description: Makes the key that API servers encrypt Secrets with, or puts it on one more node
description:
  - The key and its provider stand in an EncryptionConfiguration, which only root may read.
  - Never replaces or makes anew the file of a control plane that is a member, whose etcd has data
    that no other key opens.
  - The result has the key, so the task needs C(no_log). A failure's message would be hidden by it,
    so it is in C(problem).
options:
  path:
    description: Where the configuration is.
    type: path
    required: true
  member:
    description: Whether this control plane is a member of the cluster.
    type: bool
    required: true
  staged:
    description: Where a backup's configuration is, while a cluster is restored from it. Without it,
      no API server could read the Secrets in that backup.
    type: str
    default: ""
  configuration:
    description: The configuration of another control plane. A new key is made where it is empty.
    type: str
    default: ""
author: kubedrill
"""

EXAMPLES = r"""
- name: Make the encryption key
  kubedrill.kubeadm.encryption_key:
    path: /etc/kubernetes/security/encryption.yaml
    member: false
  register: encryption_key
  no_log: true
"""

RETURN = r"""
configuration:
  description: Content of the file, "" where there is a problem.
  type: str
  returned: always
problem:
  description: Why the file was not written, "" where it is as it has to be.
  type: str
  returned: always
"""

KEY_BYTES = 32
"""Of secretbox (XSalsa20 and Poly1305)."""
TEMPLATE = """\
# Managed by kubedrill. Without this key no Secret in etcd, or in a snapshot of it, can be read.
apiVersion: apiserver.config.k8s.io/v1
kind: EncryptionConfiguration
resources:
  - resources: [secrets]
    providers:
      - secretbox:
          keys:
            - name: {name}
              secret: {key}
"""


def new_configuration() -> str:
    """Return a configuration with a new key, of a name that no other key has."""
    key = base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()
    return TEMPLATE.format(name=f"key-{secrets.token_hex(4)}", key=key)


def decide(actual: str, given: str, *, member: bool) -> tuple[str, str]:
    """Return the configuration that the node is to have, and what speaks against it.

    ``actual`` is the node's, ``given`` another control plane's; "" where there is none.
    """
    if not member and given:
        return given, ""
    if not member:
        return actual or new_configuration(), ""
    if given and not actual:
        return given, ""  # its API server has the key in memory, and would not start again
    if not actual:
        return "", (
            "the cluster's encryption key is on this control plane no more: copy "
            "/etc/kubernetes/security/encryption.yaml from another one, or from where you keep it"
        )
    if given and given != actual:
        return "", (
            "this control plane has another encryption key than the one that serves: nothing was "
            "changed, as each may have encrypted Secrets; name both keys in both files "
            "(docs/how-to/harden.md), restart the API servers, then run the same command again"
        )
    return actual, ""


def main() -> None:
    """Decide, write and exit."""
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "member": {"type": "bool", "required": True},
            "staged": {"type": "str", "default": ""},
            "configuration": {"type": "str", "default": "", "no_log": True},
        },
        supports_check_mode=True,
    )
    path, member = Path(module.params["path"]), module.params["member"]
    actual = path.read_text(encoding="utf-8") if path.exists() else ""
    staged, given = module.params["staged"], module.params["configuration"]
    if staged and Path(staged).is_file():
        given = Path(staged).read_text(encoding="utf-8")
    expected, problem = decide(actual, given, member=member)
    is_private = path.exists() and path.stat().st_mode & 0o7777 == 0o600
    changed = bool(expected) and (expected != actual or not is_private)
    if changed and not module.check_mode:
        path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        write_whole(path, expected.encode())
    module.exit_json(changed=changed, configuration=expected, problem=problem)


if __name__ == "__main__":
    main()
