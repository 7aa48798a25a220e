"""Ansible module: what one node runs now and what is left to do on it. Reads only."""

from __future__ import annotations

import json
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.kubedrill.kubeadm.plugins.module_utils.upgrade_cluster import (
    CommandError,
    api_port,
    image_versions,
    outdated_units,
)

DOCUMENTATION = r"""
module: upgrade_state
short_description: Reads what a node runs and what is left to do on it
description: Looks at files and processes, not at remembered facts, so that a killed run is
  continued where it stopped.
options:
  version: {description: "The version to upgrade to, without v.", type: str, required: true}
author: kubedrill
"""

EXAMPLES = r"""
- name: Read the node's state
  kubedrill.kubeadm.upgrade_state:
    version: 1.36.3
"""

RETURN = r"""
state:
  description: >-
    Versions of the manifests, those that are behind, outdated units, the API server's port, and
    the release of an unfinished rollback.
  type: dict
  returned: always
"""

ROLLBACK = Path("/etc/kubernetes/kubedrill/rollback/journal.json")  # roles/rollback writes it


def rollback_to(journal: Path = ROLLBACK) -> str:
    """The version that an unfinished rollback is going to, once it has stopped something here.

    "" otherwise.
    """
    noted = json.loads(journal.read_text(encoding="utf-8")) if journal.exists() else {}
    return str(noted["to"]) if "stopped" in noted else ""


def main() -> None:
    """Read and exit."""
    module = AnsibleModule(
        argument_spec={"version": {"type": "str", "required": True}}, supports_check_mode=True
    )
    versions = image_versions()
    try:
        units = outdated_units()
    except CommandError as error:
        module.fail_json(msg=str(error))
    behind = [
        name
        for name, version in versions.items()
        if name != "etcd" and version != module.params["version"]
    ]
    state = {
        "manifests": versions,
        "manifests_behind": behind,
        "outdated_units": units,
        "api_port": api_port(),
    }
    module.exit_json(changed=False, state={**state, "rollback_to": rollback_to()})


if __name__ == "__main__":
    main()
