"""What single values of an inventory may be.

Names and addresses end up in file names, undo files and SSH options, and dynamic inventories take
them from clouds.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from kubedrill.base.model import Node

_HOST = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_CLUSTER = re.compile(r"\w[\w .@+-]*")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_POWER = ("power_off", "power_on", "power_pause", "power_resume")
_REACHED = ("ansible_host", "ansible_user", "ansible_ssh_user")
_PORTS = ("ansible_port", "ansible_ssh_port")
_BOOLEANS = {
    **dict.fromkeys(("true", "yes", "on", "1", "y", "t"), True),
    **dict.fromkeys(("false", "no", "off", "0", "n", "f", ""), False),
}
"""Texts that Ansible's filter ``bool`` and its arguments take as booleans: in an INI inventory
``true`` is a text."""


def read_boolean(value: Any) -> bool | None:
    """Return the boolean that a value means, None where it means neither.

    >>> read_boolean("Yes"), read_boolean(0), read_boolean("perhaps")
    (True, False, None)
    """
    return _BOOLEANS.get("" if value is None else str(value).strip().lower())


def has_control_characters(text: str) -> bool:
    """Whether a text has a line break or another control character."""
    return _CONTROL.search(text) is not None


def cluster_name_mistakes(name: str) -> list[str]:
    """What keeps a cluster's name out of file names; a cluster without one is fine.

    >>> cluster_name_mistakes("lab"), len(cluster_name_mistakes("../lab"))
    ([], 1)
    """
    if not name or (_CLUSTER.fullmatch(name) and ".." not in name):
        return []
    return [
        (
            f"the cluster's name is {name!r}; expected letters, digits, '-', '_' and single dots, "
            "because it becomes part of file names: set cluster_name"
        )
    ]


def host_mistakes(node: Node) -> Iterator[str]:
    """Everything that is wrong with the values of one host."""
    if not _HOST.fullmatch(node.name) or ".." in node.name:
        yield (
            f"host name {node.name!r}: expected letters, digits, '-', '_' and single dots, "
            "because it becomes part of file names and SSH options; rename it and set ansible_host"
        )
    values: Mapping[str, Any] = node.host_vars
    for name in _REACHED:
        if has_control_characters(str(values.get(name) or "")):
            yield (
                f"{node.name!r}: {name} is {values[name]!r}, which has a line break or another "
                "control character; remove it"
            )
    for name in _PORTS:
        port = str(values.get(name) or 22)
        if not (port.isdecimal() and 0 < int(port) < 65536):
            yield f"{node.name!r}: {name} is {values[name]!r}; expected a TCP port, 1 to 65535"
    for name in _POWER:
        command = values.get(name, "true")
        if not isinstance(command, str) or not command.strip():
            yield f"{node.name}: {name} is {_kind(command)}; expected a shell command as text"


def drills_allowed_mistakes(nodes: tuple[Node, ...]) -> list[str]:
    """Values of ``drills_allowed`` that are neither true nor false, each once."""
    values = {
        repr(value)
        for node in nodes
        if read_boolean(value := node.host_vars.get("drills_allowed")) is None
    }
    return [f"drills_allowed is {value}; expected true or false" for value in sorted(values)]


def _kind(value: Any) -> str:
    """What a value is, without its content: a command may hold a password."""
    if isinstance(value, str):
        return "empty"
    if isinstance(value, dict | list):
        return "a mapping" if isinstance(value, dict) else "a list"
    return f"a {type(value).__name__}"
