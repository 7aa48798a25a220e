"""Which hosts an inventory's files define twice, read on the controller."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible.plugins.lookup import LookupBase

from ansible_collections.kubedrill.kubeadm.plugins.module_utils.inventory_files import (
    repeated_hosts,
)

DOCUMENTATION = """
name: preflight_repeated_hosts
short_description: Names hosts that an inventory defines twice in one group
description: Ansible keeps the last of two hosts of one name and says nothing, or only warns.
options:
  _terms:
    description: Inventory files or directories.
"""


class LookupModule(LookupBase):
    """Returns the hosts' names."""

    def run(self, terms: list[str], variables: Any = None, **kwargs: Any) -> list[str]:
        """Look at each inventory file."""
        self.set_options(var_options=variables, direct=kwargs)
        files = [Path(path) for path in terms if "," not in path]  # else it is a list of hosts
        return list(dict.fromkeys(name for path in files for name in repeated_hosts(path)))
