"""What single values of an inventory may be. Pure functions, used by preflight and the harness.

Names and addresses end up in file names, undo files, SSH options and shells, and dynamic
inventories take them from clouds.
"""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from collections import defaultdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

POWER = ("power_off", "power_on", "power_pause", "power_resume")
"""Commands that drills control a node's power with."""
_HOST = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
"""A name that is no option, path, line or shell command where it becomes a part of one: of DNS, or
of a host in OpenSSH's configuration, whose ProxyCommand may hand it to a shell."""
_LOCAL_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:@+-]*")
"""A name that only the inventory knows a host by."""
_USER = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.@+\\-]*[A-Za-z0-9_.@+-])?\$?")
"""A user's name, of a domain too (``LAB\\me``, ``me@lab``); OpenSSH hands it to shells as well."""
_ZONE = re.compile(r"[A-Za-z0-9_.-]+")
"""A network interface after the % of an IPv6 address."""
_CLUSTER = re.compile(r"\w[\w .@+-]*")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_PORTS = ("ansible_port", "ansible_ssh_port")
_USERS = ("ansible_user", "ansible_ssh_user")
_ADDRESSES = ("ansible_host", "ansible_ssh_host")
_KEYS = ("ansible_ssh_private_key_file", "ansible_private_key_file")
LONGEST_HOST = 253
"""Characters of a host's name (RFC 1035)."""
_LONGEST_CLUSTER = 100
"""Characters of a cluster's name, so that files of its name can be."""
_TOGETHER = {"CJK", "HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA", "HANGUL"}
"""Alphabets, by the first word of their letters' names, that are written beside others and resemble
none."""
SSH_PLUGINS = ("ssh", "ansible.builtin.ssh", "ansible.legacy.ssh", "smart")
"""Values of ansible_connection that are OpenSSH, which drills reach hosts by too."""
_VERSION = re.compile(r"1\.(0|[1-9]\d*)\.(0|[1-9]\d*)")
_BOOLEANS = {
    **dict.fromkeys(("true", "yes", "on", "1", "y", "t"), True),
    **dict.fromkeys(("false", "no", "off", "0", "n", "f", ""), False),
}
"""Texts that Ansible's filter ``bool`` takes: in an INI inventory ``true`` is a text."""

KEY_KINDS = ("ECDSA-P256", "RSA-2048", "RSA-3072", "RSA-4096")
"""Values of kubeadm's encryptionAlgorithm."""
SECURITY_PROFILES = ("baseline", "hardened")
"""Values of security_profile."""
OLDEST_HARDENED = (1, 34)
"""Kubernetes from which anonymous requests can be limited to paths by a stable configuration."""
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

    >>> is_address("10.0.0.256"), is_address("node-1.example"), is_address("node-1..example")
    (False, True, False)
    """
    if not isinstance(value, str) or len(value) > LONGEST_HOST:
        return False
    if ":" in value or value.rpartition(".")[2].isdecimal():
        return parse_ip(value) is not None
    labels = value.rstrip(".").split(".")
    return _HOST.fullmatch(value) is not None and all(0 < len(each) <= 63 for each in labels)


def parse_ip(value: Any) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """Return the IP address that a text is, or None; Python takes any text for an IPv6 zone.

    >>> parse_ip("fe80::1%eth0"), parse_ip("fe80::1%$(id)"), parse_ip(None)
    (IPv6Address('fe80::1%eth0'), None, None)
    """
    if not isinstance(value, str):
        return None
    _, percent, zone = value.partition("%")
    if percent and not _ZONE.fullmatch(zone):
        return None
    try:
        return ipaddress.ip_address(value)
    except ValueError:
        return None


def is_local_name(value: str) -> bool:
    """Whether a text can be a host's name in the inventory, where it is no node's.

    >>> is_local_name("bastion_1"), is_local_name("2001:db8::1"), is_local_name("a;b")
    (True, True, False)
    """
    return len(value) <= LONGEST_HOST and _LOCAL_NAME.fullmatch(value) is not None


def is_cluster_name(value: str) -> bool:
    """Whether a cluster can be called so: it becomes part of file names, and people compare it.

    Letters of several alphabets in one name look like another one (``pr\u043ed`` in Cyrillic).

    >>> [is_cluster_name(name) for name in ("prod 2", "K\u00f6ln", "pr\u043ed", "../prod", "a..b")]
    [True, True, False, False, False]
    """
    return (
        len(value) <= _LONGEST_CLUSTER
        and _CLUSTER.fullmatch(value) is not None
        and ".." not in value
        and unicodedata.is_normalized("NFKC", value)
        and len({unicodedata.name(c, "?").split()[0] for c in value if c.isalpha()} - _TOGETHER) < 2
    )


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
        f"cluster_name is {name[:_LONGEST_CLUSTER]!r}: expected letters of one alphabet, "
        f"digits, blanks and '-_.@+' without '..', at most {_LONGEST_CLUSTER}, because it becomes "
        "part of file names"
        for name in _texts(nodes.values(), "cluster_name")
        if name and not is_cluster_name(name)
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


def security_mistakes(
    members: Sequence[str], hosts: Mapping[str, Mapping[str, Any]], version: Any
) -> Iterator[str]:
    """Say why a cluster cannot have its security_profile."""
    profiles = _texts((hosts[name] for name in members if name in hosts), "security_profile")
    yield from (
        f"security_profile is {text!r}: expected one of {', '.join(SECURITY_PROFILES)}"
        for text in profiles
        if text and text not in SECURITY_PROFILES
    )
    if len(profiles) > 1:
        yield (
            f"security_profile differs between hosts ({', '.join(map(repr, profiles))}): set it "
            "once, for group cluster"
        )
    if "hardened" not in profiles or not _VERSION.fullmatch(str(version)):
        return
    major, minor, _patch = map(int, str(version).split("."))
    if (major, minor) < OLDEST_HARDENED:
        oldest = ".".join(map(str, OLDEST_HARDENED))
        yield f"security_profile hardened needs Kubernetes {oldest} or newer, not {version}"


def version_mistakes(version: Any) -> list[str]:
    """Say what is wrong with a version of Kubernetes; None is none."""
    if version is None or _VERSION.fullmatch(str(version)):
        return []
    return [f"cluster_kubernetes_version is {version!r}: expected a full version such as 1.35.4"]


def _texts(nodes: Iterable[Mapping[str, Any]], setting: str) -> list[str]:
    values = (node.get(setting) for node in nodes)
    return sorted({"" if value is None else str(value) for value in values})


def _connection_mistakes(name: str, variables: Mapping[str, Any]) -> Iterator[str]:
    for setting in _ADDRESSES:
        address = variables.get(setting) or name
        if address != name and not is_address(address):
            yield (
                f"{setting} of {name!r} is {str(address)[:LONGEST_HOST]!r}, neither an address "
                "nor a host name: correct it; a port stands in ansible_port"
            )
    node_address = variables.get("cluster_node_address")
    if node_address not in (None, "") and parse_ip(node_address) is None:
        yield (
            f"cluster_node_address of {name!r} is {node_address!r}: expected an IP address, one of "
            "the machine's own"
        )
    for setting in _USERS:
        user = variables.get(setting) or ""
        if user and not (len(str(user)) <= LONGEST_HOST and _USER.fullmatch(str(user))):
            yield (
                f"{setting} of {name!r} is {str(user)[:LONGEST_HOST]!r}: expected the name of a "
                "user, of letters, digits and '-_.@+'"
            )
    for setting in _KEYS:
        key = variables.get(setting) or ""
        if not isinstance(key, str) or '"' in key or has_control_characters(key):
            yield (
                f"{setting} of {name!r} is {str(key)[:LONGEST_HOST]!r}: expected the path of a "
                "key, without quotes, line breaks and other control characters"
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
    for one, other in (("power_off", "power_on"), ("power_pause", "power_resume")):
        if (one in variables) != (other in variables):
            yield f"host {name} has only one of {one} and {other}: set both or neither"


def _kind(value: Any) -> str:
    """What a value is, without its content: a command may hold a password."""
    if value is None or isinstance(value, str):
        return "empty"
    if isinstance(value, (dict, list)):
        return "a mapping" if isinstance(value, dict) else "a list"
    return str(value).lower() if isinstance(value, bool) else "a number"
