"""What is wrong with the names of an inventory's hosts, and with its variables. Pure functions."""

from __future__ import annotations

import re
from collections import defaultdict
from difflib import SequenceMatcher
from typing import TYPE_CHECKING, Any

from ansible_collections.kubedrill.kubeadm.plugins.module_utils.inventory_settings import (
    is_unresolved,
)
from ansible_collections.kubedrill.kubeadm.plugins.module_utils.inventory_values import (
    LONGEST_HOST,
    is_local_name,
    read_boolean,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

DNS_SUBDOMAIN = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*")
LONGEST_NAME = 63
"""Of a label's value: kubelets put their node's name into kubernetes.io/hostname."""
ALIKE = 0.75
"""Of difflib's ratio, from which on one name is taken for another that is misspelt."""


def node_name_mistakes(members: Iterable[str]) -> list[str]:
    """Say which nodes' names Kubernetes would refuse (RFC 1123)."""
    return [
        f"host name {name!r} cannot be a Kubernetes node's name: use lower-case letters, digits, "
        f"'-' and dots between them ({LONGEST_NAME} characters at most)"
        for name in members
        if not DNS_SUBDOMAIN.fullmatch(name) or len(name) > LONGEST_NAME
    ]


def unsafe_name_mistakes(names: Iterable[str], members: Sequence[str]) -> list[str]:
    """Say which names of other hosts could be taken for something else."""
    return [
        f"host name {name[:LONGEST_HOST]!r} could be taken for an option, a path or a command: "
        f"use letters, digits, '-' and dots, {LONGEST_HOST} characters at most"
        for name in names
        if name not in members and not is_local_name(name)
    ]


EXPECTED = {
    "list": "a list, such as [a, b] in YAML or ['a', 'b'] in an INI file",
    "dict": "a mapping, such as {a: 1} in YAML or {'a': 1} in an INI file",
    "bool": "true or false",
    "int": "a whole number",
    "float": "a number",
    "str": "a text",
    "path": "a path",
}
"""Type of an argument specification → how it is written."""
TYPES: dict[str, Any] = {
    "list": (list, tuple),
    "dict": dict,
    "int": int,
    "float": (int, float),
    "str": (int, float),
    "path": (),
}
"""Type of an argument specification → those of values that are no text and can be meant."""


def misspelt_variables(hosts: Mapping[str, Mapping[str, Any]], known: Iterable[str]) -> list[str]:
    """Say which variables are no variable of this collection, but look like one.

    Variables that resemble none are the user's own.
    """
    names: dict[str, list[str]] = defaultdict(list)
    by_prefix: dict[str, list[str]] = defaultdict(list)
    for name in known:
        prefix, _, rest = name.partition("_")
        by_prefix[prefix].append(rest)
    for host, variables in hosts.items():
        for name in variables:
            prefix, _, rest = str(name).partition("_")
            if prefix in by_prefix and rest not in by_prefix[prefix]:
                names[str(name)].append(host)
    return [
        f"variable {name} (of {', '.join(where[:3])}{' and others' if where[3:] else ''}) does "
        f"not exist: write {near}, or give it another name if it is your own"
        for name, where in names.items()
        if (near := nearest(name, by_prefix))
    ]


def type_mistakes(hosts: Mapping[str, Mapping[str, Any]], types: Mapping[str, str]) -> list[str]:
    """Say which values are none of their variable's type.

    INI inventories and ``-e`` give text. Roles read numbers and booleans from it, but a list's text
    would be taken for the list of its letters. Roles would refuse other types late, when nodes have
    been changed.
    """
    names: dict[tuple[str, str], list[str]] = defaultdict(list)
    for host, variables in hosts.items():
        for name in set(variables) & set(types):
            value = variables.get(name)
            if value is None or is_unresolved(value):
                continue
            if not (_is_text_of if isinstance(value, str) else _is_of)(value, types[name]):
                text = f"the text {value!r}" if isinstance(value, str) else repr(value)
                names[name, text].append(host)
    return [
        f"{name} is {value} (of {', '.join(where[:3])}"
        f"{' and others' if where[3:] else ''}), expected {EXPECTED[types[name]]}"
        for (name, value), where in sorted(names.items())
    ]


def _is_of(value: Any, kind: str) -> bool:
    if isinstance(value, bool) or kind == "bool":
        return kind not in {"int", "float", "list", "dict"} and (
            kind != "bool" or read_boolean(value) is not None
        )
    return isinstance(value, TYPES.get(kind, object))


def _is_text_of(text: str, kind: str) -> bool:
    if kind == "bool":
        return bool(text.strip()) and read_boolean(text) is not None
    if kind in {"int", "float"}:
        return (
            re.fullmatch(r"-?\d+" if kind == "int" else r"-?\d+(\.\d+)?", text.strip()) is not None
        )
    return kind not in {"list", "dict"}


def nearest(name: str, by_prefix: Mapping[str, Sequence[str]]) -> str:
    """Return the known variable that a name resembles, or "".

    >>> nearest("cluster_virtual_adress", {"cluster": ["name", "virtual_address"]})
    'cluster_virtual_address'
    >>> nearest("cluster_version", {"cluster": ["kubernetes_version"]})
    'cluster_kubernetes_version'
    >>> nearest("cluster_owner", {"cluster": ["name"]})
    ''
    """
    prefix, _, rest = name.partition("_")
    alike = {each: SequenceMatcher(None, rest, each).ratio() for each in by_prefix[prefix]}
    short = prefix == "cluster" and len(rest) > 6  # others' parts of names are too common
    ends = [each for each in alike if short and each.endswith(f"_{rest}")]
    best = max([each for each in alike if alike[each] >= ALIKE] or ends, key=alike.get, default="")  # type: ignore[arg-type]
    return f"{prefix}_{best}" if best else ""
