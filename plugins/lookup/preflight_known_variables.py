"""Which variables this collection has, read from its roles and playbooks on the controller."""

from __future__ import annotations

from typing import Any

from ansible.plugins.lookup import LookupBase

from ansible_collections.kubedrill.kubeadm.plugins.module_utils.collection_variables import (
    known_variables,
)

DOCUMENTATION = """
name: preflight_known_variables
short_description: Names the variables of this collection
description: >-
  With their types, from the roles' argument specifications and playbooks/group_vars/all.yml.
options:
  _terms:
    description: None are needed.
"""


class LookupModule(LookupBase):
    """Returns one mapping of names to types."""

    def run(
        self,
        terms: list[str],  # noqa: ARG002 - Ansible's signature
        variables: Any = None,
        **kwargs: Any,
    ) -> list[dict[str, str]]:
        """Read them; there are no terms."""
        self.set_options(var_options=variables, direct=kwargs)
        return [known_variables()]
