"""What single values of an inventory may be. Pure functions, used by preflight and the harness.

Names and addresses end up in file names, undo files and SSH options, and dynamic inventories take
them from clouds.
"""

from __future__ import annotations

import ipaddress
import re
from collections import defaultdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

POWER = ("power_off", "power_on", "power_pause", "power_resume")
"""Commands that drills control a node's power with."""
UNSAFE = re.compile(r"[\x00-\x20\x7f/\\]|^[-.]")
"""What would be an option, a path or another line where a name becomes a part of those."""
_CLUSTER = re.compile(r"\w[\w .@+-]*")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_PORTS = ("ansible_port", "ansible_ssh_port")
_USERS = ("ansible_user", "ansible_ssh_user")
_LONGEST_NAME = 253
"""Characters of a host's name (RFC 1035)."""
_LONGEST_CLUSTER = 100
"""Characters of a cluster's name, so that files of its name can be."""
SSH_PLUGINS = ("ssh", "ansible.builtin.ssh", "ansible.legacy.ssh", "smart")
"""Values of ansible_connection that are OpenSSH, which drills reach hosts by too."""
_VERSION = re.compile(r"1\.\d+\.\d+")
_BOOLEANS = {
    **dict.fromkeys(("true", "yes", "on", "1", "y", "t"), True),
    **dict.fromkeys(("false", "no", "off", "0", "n", "f", ""), False),
}
"""Texts that Ansible's filter ``bool`` takes: in an INI inventory ``true`` is a text."""

KEY_KINDS = ("ECDSA-P256", "RSA-2048", "RSA-3072", "RSA-4096")
"""Values of kubeadm's encryptionAlgorithm."""
LEAST_LEASE_S = 6
"""Two thirds of it, the renew deadline, must be over 1.2 retry periods of 2 s (client-go's leader
election)."""


def read_boolean(value: Any) -> bool | None:
    """Return the boolean that a value means, None where it means neither.

    >>> read_boolean("Yes"), read_boolean(0), read_boolean("perhaps")
    (True, False, None)
    """
    return _BOOLEANS.get("" if value is None else str(value).strip().lower())


def is_port(value: Any) -> bool:
    """Whether a value is a TCP port, as a number or as text."""
    text = str(value)
    return text.isascii() and text.isdecimal() and len(text) < 6 and 0 < int(text) < 65536


def is_address(value: Any) -> bool:
    """Whether a value is an IP address, or may be a host's name.

    >>> is_address("10.0.0.256"), is_address("node-1.example"), is_address("10.0.0.1:22")
    (False, True, False)
    """
    if not isinstance(value, str) or len(value) > _LONGEST_NAME or UNSAFE.search(value):
        return False
    if ":" not in value and not value.rpartition(".")[2].isdecimal():
        return True
    try:
        ipaddress.ip_address(value)
    except ValueError:
        return False
    return True


def _is_ip(value: Any) -> bool:
    try:
        return isinstance(value, str) and bool(ipaddress.ip_address(value))
    except ValueError:
        return False


def has_control_characters(text: str) -> bool:
    """Whether a text has a line break or another control character."""
    return _CONTROL.search(text) is not None


def connection_mistakes(
    names: Iterable[str], hosts: Mapping[str, Mapping[str, Any]]
) -> Iterator[str]:
    """Say which hosts are to be reached by something else than SSH."""
    by_plugin: dict[str, list[str]] = defaultdict(list)
    for name in dict.fromkeys(name for name in names if name in hosts):
        if "ansible_connection" in hosts[name]:
            by_plugin[repr(hosts[name].get("ansible_connection"))].append(name)
    yield from (
        f"ansible_connection is {plugin} (of {', '.join(where)}): expected ssh, or its full name "
        f"ansible.builtin.ssh, by which drills reach hosts too: remove it, and name the SSH server "
        f"in ansible_host"
        for plugin, where in sorted(by_plugin.items())
        if plugin not in map(repr, SSH_PLUGINS)
    )


def value_mistakes(members: Sequence[str], hosts: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """Say which values cannot be: of the cluster's hosts, and how all hosts are reached."""
    nodes = {name: hosts[name] for name in members if name in hosts}
    for name, variables in hosts.items():
        yield from _connection_mistakes(name, variables)
    for name, variables in nodes.items():
        yield from _power_mistakes(name, variables)
    yield from (
        f"cluster_name is {name[:_LONGEST_CLUSTER]!r}: expected letters, digits, blanks and "
        f"'-_.@+' without '..', at most {_LONGEST_CLUSTER}, because it becomes part of file names"
        for name in _texts(nodes.values(), "cluster_name")
        if name and (not _CLUSTER.fullmatch(name) or ".." in name or len(name) > _LONGEST_CLUSTER)
    )
    permissions = [node.get("drills_allowed") for node in nodes.values()]
    yield from (
        f"drills_allowed is {text}: expected true or false"
        for text in sorted({repr(each) for each in permissions if read_boolean(each) is None})
    )
    yield from (
        f"control_plane_lease_duration is {text!r}: expected whole seconds, {LEAST_LEASE_S} or more"
        for text in _texts(nodes.values(), "control_plane_lease_duration")
        if text and not (text.isdecimal() and len(text) < 9 and int(text) >= LEAST_LEASE_S)
    )
    yield from (
        f"control_plane_encryption_algorithm is {text!r}: expected one of {', '.join(KEY_KINDS)}"
        for text in _texts(nodes.values(), "control_plane_encryption_algorithm")
        if text and text not in KEY_KINDS
    )


def version_mistakes(version: Any) -> list[str]:
    """Say what is wrong with a version of Kubernetes; None is none."""
    if version is None or _VERSION.fullmatch(str(version)):
        return []
    return [f"cluster_kubernetes_version is {version!r}: expected a full version such as 1.35.4"]


def _texts(nodes: Iterable[Mapping[str, Any]], setting: str) -> list[str]:
    values = (node.get(setting) for node in nodes)
    return sorted({"" if value is None else str(value) for value in values})


def _connection_mistakes(name: str, variables: Mapping[str, Any]) -> Iterator[str]:
    address = variables.get("ansible_host") or name
    if address != name and not is_address(address):
        yield (
            f"ansible_host of {name!r} is {str(address)[:_LONGEST_NAME]!r}, neither an address nor "
            "a host name: correct it; a port stands in ansible_port"
        )
    node_address = variables.get("cluster_node_address")
    if node_address not in (None, "") and not _is_ip(node_address):
        yield (
            f"cluster_node_address of {name!r} is {node_address!r}: expected an IP address, one of "
            "the machine's own"
        )
    for setting in _USERS:
        user = variables.get(setting) or ""
        if isinstance(user, (list, dict)) or str(user).startswith("-"):
            yield f"{setting} of {name!r} is {user!r}: expected the name of a user"
        elif has_control_characters(str(user)):
            yield (
                f"{setting} of {name!r} is {user!r}, which has a line break or another control "
                "character: remove it"
            )
    for setting in _PORTS:
        port = variables.get(setting)
        if port not in (None, "") and not is_port(port):
            yield f"{setting} of {name!r} is {port!r}: expected a TCP port, 1 to 65535"


def _power_mistakes(name: str, variables: Mapping[str, Any]) -> Iterator[str]:
    for setting in POWER:
        command = variables.get(setting, "true")
        if not isinstance(command, str) or not command.strip():
            yield f"{setting} of {name} is {_kind(command)}: expected a shell command as text"
    if ("power_off" in variables) != ("power_on" in variables):
        yield f"host {name} has only one of power_off and power_on: set both or neither"


def _kind(value: Any) -> str:
    """What a value is, without its content: a command may hold a password."""
    if value is None or isinstance(value, str):
        return "empty"
    if isinstance(value, (dict, list)):
        return "a mapping" if isinstance(value, dict) else "a list"
    return str(value).lower() if isinstance(value, bool) else "a number"
