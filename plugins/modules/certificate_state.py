"""Ansible module: the certificates of a control plane and the servers that use them. Reads only."""

from __future__ import annotations

import time

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.kubedrill.kubeadm.plugins.module_utils.certificates import inspect_servers
from ansible_collections.kubedrill.kubeadm.plugins.module_utils.renewal_files import (
    RenewalFiles,
    describe,
)
from ansible_collections.kubedrill.kubeadm.plugins.module_utils.upgrade_cluster import (
    CommandError,
    image_versions,
)

DOCUMENTATION = r"""
module: certificate_state
short_description: Reads a control plane's certificates, and whether its servers use them
description: Asks the files, the processes and the servers themselves, so that a killed renewal is
  continued where it stopped. Needs no API that answers.
options: {}
author: kubedrill
"""

EXAMPLES = r"""
- name: Read the node's certificates
  kubedrill.kubeadm.certificate_state:
"""

RETURN = r"""
state:
  description: >-
    Certificates with the times they were issued and expire at, missing and unusable ones, the
    authorities, static pods that are down or use other certificates, the API server's version,
    and whether a renewal was begun and not finished.
  type: dict
  returned: always
"""


def main() -> None:
    """Read and exit."""
    module = AnsibleModule(argument_spec={}, supports_check_mode=True)
    try:
        state = describe(RenewalFiles())
        broken = state["missing"] != [] or state["unusable"] != {}
        try:
            servers = inspect_servers()
        except (FileNotFoundError, ValueError):  # one of those that the state names
            if not broken:
                raise
            servers = {"down": {}, "outdated": {}}
        version = image_versions().get("kube-apiserver", "")
    except (CommandError, OSError, ValueError) as error:
        module.fail_json(msg=f"the node's certificates could not be read: {error}")
    module.exit_json(
        changed=False, state={**state, **servers, "version": version, "now": int(time.time())}
    )


if __name__ == "__main__":
    main()
