"""Ansible module: what the distribution would upgrade on a node, and the upgrade."""

from __future__ import annotations

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.kubedrill.kubeadm.plugins.module_utils.distributions import read_os_release
from ansible_collections.kubedrill.kubeadm.plugins.module_utils.package_managers import (
    MANAGERS,
    PackageError,
    Programs,
)

DOCUMENTATION = r"""
module: node_packages
short_description: Lists or upgrades the distribution's packages
description:
  - By apt-get, dnf or zypper. Packages that are held back stay, changed configuration is kept, and
    apt-get removes nothing.
  - Waits while another package manager works. What dpkg was interrupted in is finished.
options:
  which:
    description: All packages, or security updates only.
    type: str
    choices: [all, security]
    default: all
  state:
    description: Whether to list what would be upgraded, with fresh lists first where I(refresh), or
      to upgrade.
    type: str
    choices: [listed, upgraded]
    default: listed
  refresh:
    description: Read the lists of the repositories anew; not in check mode.
    type: bool
    default: false
  lock_timeout:
    description: Seconds to wait for another package manager.
    type: int
    default: 300
  timeout:
    description: Seconds for all of it.
    type: int
    default: 1800
author: kubedrill
"""

EXAMPLES = r"""
- name: List security updates
  kubedrill.kubeadm.node_packages:
    which: security
    refresh: true
"""

RETURN = r"""
packages:
  description: What would be, or was, upgraded, with versions.
  type: list
  elements: str
  returned: always
unfinished:
  description: Whether dpkg was interrupted before.
  type: bool
  returned: always
"""


def main() -> None:
    """List, upgrade, exit."""
    module = AnsibleModule(
        argument_spec={
            "which": {"type": "str", "choices": ["all", "security"], "default": "all"},
            "state": {"type": "str", "choices": ["listed", "upgraded"], "default": "listed"},
            "refresh": {"type": "bool", "default": False},
            "lock_timeout": {"type": "int", "default": 300},
            "timeout": {"type": "int", "default": 1800},
        },
        supports_check_mode=True,
    )
    params = module.params
    distribution = read_os_release()
    if distribution["family"] not in MANAGERS:
        module.fail_json(
            msg=f"{distribution['name']} has no package manager that this collection knows: set "
            "maintain_packages to none, and upgrade its packages by hand"
        )
    try:
        manager = MANAGERS[distribution["family"]](
            Programs(params["lock_timeout"], params["timeout"])
        )
        if params["refresh"] and not module.check_mode:
            manager.refresh()
        result = {
            "packages": manager.upgradable(params["which"]),
            "unfinished": manager.is_unfinished(),
        }
        changes = params["state"] == "upgraded" and bool(result["packages"] or result["unfinished"])
        if changes and not module.check_mode:
            manager.upgrade(params["which"])
    except PackageError as error:
        module.fail_json(msg=f"packages: {error}")
    module.exit_json(changed=changes, **result)


if __name__ == "__main__":
    main()
