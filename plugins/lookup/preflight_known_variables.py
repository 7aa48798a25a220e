"""Which variables this collection has, read from its roles and playbooks on the controller."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from ansible.plugins.lookup import LookupBase

from ansible_collections.kubedrill.kubeadm.plugins.action.deprecated_variables import RENAMED

if TYPE_CHECKING:
    from collections.abc import Iterator

DOCUMENTATION = """
name: preflight_known_variables
short_description: Names the variables of this collection
description: >-
  With their types, from the roles' argument specifications and playbooks/group_vars/all.yml.
options:
  _terms:
    description: None are needed.
"""

COLLECTION = Path(__file__).resolve().parents[2]
UNSET = ("cluster_virtual_address", "cluster_external_address", "upgrade_serial")
"""Variables of playbooks without a default."""


def known_variables() -> dict[str, str]:
    """Types of all variables, also of those under their former names; "" where none is said."""
    names = [*_shared(), *UNSET, *RENAMED]
    return {**dict.fromkeys(names, ""), **dict(_specified())}


def _specified() -> Iterator[tuple[str, str]]:
    for path in COLLECTION.glob("roles/*/meta/argument_specs.yml"):
        for entry in yaml.safe_load(path.read_text(encoding="utf-8"))["argument_specs"].values():
            yield from (
                (name, option["type"]) for name, option in (entry.get("options") or {}).items()
            )


def _shared() -> Iterator[str]:
    path = COLLECTION / "playbooks" / "group_vars" / "all.yml"
    yield from yaml.safe_load(path.read_text(encoding="utf-8"))


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
