"""Preflight's door to the judgements of an inventory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ansible.errors import AnsibleError

from ansible_collections.kubedrill.kubeadm.plugins.module_utils.collection_variables import (
    known_variables,
)
from ansible_collections.kubedrill.kubeadm.plugins.module_utils.inventory_files import (
    repeated_hosts,
)
from ansible_collections.kubedrill.kubeadm.plugins.module_utils.inventory_mistakes import (
    inventory_mistakes,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


class Variables(Mapping[str, Any]):
    """A host's variables, each templated when it is read; what cannot be templated is not set.

    Such as a template of facts, which are known later only.
    """

    def __init__(self, variables: Mapping[str, Any]) -> None:
        self._variables = variables

    def __getitem__(self, name: str) -> Any:
        try:
            return self._variables[name]
        except AnsibleError as error:
            raise KeyError(name) from error

    def __contains__(self, name: object) -> bool:
        return name in self._variables

    def __iter__(self) -> Iterator[str]:
        return iter(self._variables)

    def __len__(self) -> int:
        return len(self._variables)


def filtered_mistakes(
    groups: Mapping[str, Sequence[str]],
    hostvars: Mapping[str, Mapping[str, Any]],
    repeated: Iterable[str] = (),
    types: Mapping[str, str] | None = None,
) -> list[str]:
    """List all mistakes of Ansible's ``groups`` and ``hostvars``."""
    hosts = {name: Variables(hostvars[name]) for name in hostvars}
    return inventory_mistakes(groups, hosts, repeated, types)


def all_mistakes(
    groups: Mapping[str, Sequence[str]],
    hostvars: Mapping[str, Mapping[str, Any]],
    sources: Iterable[str],
) -> list[str]:
    """List all mistakes of an inventory, with what only its files show.

    ``sources`` are Ansible's ``ansible_inventory_sources``.
    """
    files = [Path(source) for source in sources if "," not in source]  # else a list of hosts
    repeated = dict.fromkeys(name for path in files for name in repeated_hosts(path))
    return filtered_mistakes(groups, hostvars, repeated, known_variables())


def report(mistakes: Sequence[str], where: str) -> str:
    """Say all mistakes in one message.

    >>> print(report(["cp1: no sudo"], "the nodes"))
    the nodes: 1 mistake, nothing was changed:
      - cp1: no sudo
    """
    count = f"{len(mistakes)} mistake{'' if len(mistakes) == 1 else 's'}"
    return "\n".join(
        [f"{where}: {count}, nothing was changed:", *(f"  - {mistake}" for mistake in mistakes)]
    )


class FilterModule:
    """Filters of the role's inventory checks."""

    def filters(self) -> dict[str, Any]:
        """Map filter names to functions."""
        return {"preflight_inventory_mistakes": all_mistakes, "preflight_report": report}
