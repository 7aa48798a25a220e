"""What the collection's own settings may be, beyond their types. Pure functions.

Roles would refuse some of them late, when nodes have been changed, and programs on nodes would fail
of the others, such as a kubelet of its labels.
"""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

from ansible_collections.kubedrill.kubeadm.plugins.module_utils.inventory_networks import (
    PORTS_OF_CONTROL_PLANES,
)
from ansible_collections.kubedrill.kubeadm.plugins.module_utils.inventory_values import (
    has_control_characters,
    is_address,
    is_port,
    parse_ip,
    read_boolean,
)
from ansible_collections.kubedrill.kubeadm.plugins.module_utils.versions import parse_version

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from ipaddress import IPv4Address, IPv6Address

    Hosts = Mapping[str, Mapping[str, Any]]

GROUPS_OF_A_CLUSTER = ("all", "cluster", "control_planes", "load_balancers", "workers")
UNIFORM = (
    "cluster_bundles_source",
    "cluster_name",
    "control_plane_api_port",
    "control_plane_encryption_algorithm",
    "control_plane_extra_names",
    "network_backend",
    "network_policy_engine",
)
"""Settings that one host of several cannot have for itself: the cluster has one of each."""
KUBELET_LABELS = re.compile(
    r"(.+\.)?(kubelet|node)\.kubernetes\.io"
    r"|(beta\.)?kubernetes\.io/(arch|instance-type|os|hostname)"
    r"|(failure-domain\.beta|topology)\.kubernetes\.io/(region|zone)"
)
"""Labels of Kubernetes' own domains that a kubelet may give its node, or their prefixes: it does
not start with any other one (k8s.io/kubelet/pkg/apis/well_known_labels.go)."""
EVICTION_SIGNALS = (
    "memory.available",
    *(f"{place}.{what}" for place in ("nodefs", "imagefs", "containerfs")
      for what in ("available", "inodesFree")),
    "pid.available",
)  # fmt: skip
"""Of Linux (k8s.io/kubernetes/pkg/kubelet/eviction/api)."""
SYSTEM_FOLDERS = (
    *("/bin", "/boot", "/dev", "/etc", "/lib", "/lib64", "/proc", "/run", "/sbin", "/sys", "/usr"),
    *("/var/lib/kubelet", "/var/lib/etcd", "/var/lib/containerd", "/var/lib/kubedrill"),
)
_LABEL = re.compile(r"[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?")
_DURATION = re.compile(r"(\d+(\.\d+)?(ns|us|ms|s|m|h))+")
_QUANTITY = re.compile(r"\d+(\.\d+)?(%|[kMGT]|[KMGT]i)?")
_SYSCTL = re.compile(r"[a-z0-9_-]+([./][A-Za-z0-9_-]+)+")
_LONGEST_LABEL = 63
"""Characters of a DNS label (RFC 1035)."""


class Rule(NamedTuple):
    """What a setting may be: a test of its value, and how a good one is described."""

    accepts: Callable[[Any], bool]
    expected: str
    secret: bool = False
    """Whether the value may hold a password, and is not shown."""


def is_positive(value: Any) -> bool:
    """Whether a value is a number above 0, as a number or as text.

    >>> is_positive("0.5"), is_positive(0)
    (True, False)
    """
    return float(str(value)) > 0


def is_duration(value: Any) -> bool:
    """Whether a value is a duration above 0 as Go writes it.

    >>> is_duration("1h30m"), is_duration("20"), is_duration("0s")
    (True, False, False)
    """
    text = str(value)
    return _DURATION.fullmatch(text) is not None and re.search(r"[1-9]", text) is not None


def is_resolver(value: Any) -> bool:
    """Whether pods of a node can ask a name server: one of the node's own loopback they cannot."""
    address = parse_ip(value)
    return address is not None and not _is_unusable(address)


def _is_unusable(address: IPv4Address | IPv6Address) -> bool:
    return address.is_loopback or address.is_unspecified or address.is_multicast


def is_proxy(value: Any) -> bool:
    """Whether a value is a proxy's URL.

    >>> is_proxy("http://proxy.lab:3128"), is_proxy("proxy.lab:3128"), is_proxy("http://")
    (True, False, False)
    """
    text = str(value)
    try:
        url = urlsplit(text)
        usable = url.scheme in {"http", "https", "socks5"} and is_address(url.hostname or "")
        return usable and url.port != 0 and not has_control_characters(text) and " " not in text
    except ValueError:  # of the port
        return False


def is_name_of_api(value: Any) -> bool:
    """Whether a value can be in a certificate: an address, or a DNS name, ``*.`` before it."""
    text = str(value).removeprefix("*.")
    return isinstance(value, str) and is_address(text) and "%" not in text and "_" not in text


def is_label(key: Any, value: Any) -> bool:
    """Whether a kubelet may give its node a label.

    >>> is_label("rack", "a1"), is_label("node-role.kubernetes.io/worker", "")
    (True, False)
    """
    prefix, slash, name = str(key).rpartition("/")
    if slash and not (is_address(prefix) and prefix == prefix.lower()):
        return False
    if prefix == "k8s.io" or prefix.endswith((".k8s.io", "kubernetes.io")):
        allowed = KUBELET_LABELS.fullmatch(prefix) or KUBELET_LABELS.fullmatch(str(key))
        if not allowed:
            return False
    text = str(value)
    return _LABEL.fullmatch(name) is not None and (not text or _LABEL.fullmatch(text) is not None)


def is_removable_folder(value: Any) -> bool:
    """Whether a reset may remove a folder of a node with all that is in it.

    >>> is_removable_folder("/srv/bundles"), is_removable_folder("/opt")
    (True, False)
    """
    path = PurePosixPath(str(value))
    return (
        path.is_absolute()
        and len(path.parts) > (3 if path.parts[1:2] in {("home",), ("var",)} else 2)
        and ".." not in path.parts
        and not any(path.is_relative_to(folder) for folder in SYSTEM_FOLDERS)
    )


def _is_port_range(value: Any) -> bool:
    first, _, last = str(value).partition("-")
    last = last or first
    return not value or (is_port(first) and is_port(last) and int(first) <= int(last))


def _is_sysctl(key: Any, value: Any) -> bool:
    if isinstance(value, (dict, list)) or has_control_characters(str(value)):
        return False
    forwards = str(key) != "net.ipv4.ip_forward" or str(value) == "1"
    return forwards and _SYSCTL.fullmatch(str(key)) is not None


def _each(accepts: Callable[[Any], bool]) -> Callable[[Any], bool]:
    """Of a list; a text, of which each letter would be one, is refused by its type."""
    return lambda values: isinstance(values, str) or all(accepts(value) for value in values)


def _items(accepts: Callable[[Any, Any], bool]) -> Callable[[Any], bool]:
    return lambda values: all(accepts(key, value) for key, value in values.items())


def _one_of(*choices: str) -> Rule:
    return Rule(lambda value: value in choices, f"one of {', '.join(choices)}")


BOOLEAN = Rule(lambda value: read_boolean(value) is not None, "true or false")
DURATION = Rule(is_duration, "a duration above 0, such as 20m or 1h30m")
POSITIVE = Rule(is_positive, "a number above 0")
NOT_NEGATIVE = Rule(lambda value: float(str(value)) >= 0, "0 or a number above it")
PORT = Rule(is_port, "a port, 1 to 65535")
RULES: dict[str, Rule] = {
    "ansible_become": BOOLEAN,
    "api_endpoint_node_ports": Rule(_is_port_range, "ports such as 30000-32767"),
    "api_endpoint_router_id": Rule(
        lambda value: 1 <= int(value) <= 255, "1 to 255 (RFC 5798's VRID)"
    ),
    "cluster_accept_even_control_planes": BOOLEAN,
    "cluster_bundles_dir": Rule(
        is_removable_folder,
        "a folder for bundles alone, such as /opt/kubedrill/bundles, as a reset removes it",
    ),
    "cluster_other_groups": Rule(
        _each(lambda name: isinstance(name, str) and name not in GROUPS_OF_A_CLUSTER),
        "names of groups that have no part in the cluster",
    ),
    "cluster_piped_modules": BOOLEAN,
    "containerd_no_proxy": Rule(
        _each(lambda entry: re.fullmatch(r"[^\s,\"'\\]+", str(entry)) is not None),
        "addresses, networks and domains, one an entry",
    ),
    "containerd_proxy": Rule(
        lambda value: not value or is_proxy(value), "a URL such as http://proxy.lab:3128", True
    ),
    "control_plane_api_port": Rule(
        lambda port: is_port(port) and int(port) not in PORTS_OF_CONTROL_PLANES,
        f"a port of none of its neighbours ({', '.join(map(str, PORTS_OF_CONTROL_PLANES))})",
    ),
    "control_plane_extra_names": Rule(_each(is_name_of_api), "DNS names and addresses"),
    "control_plane_join_token_ttl": DURATION,
    "control_plane_shutdown_delay": DURATION,
    "host_eviction_hard": Rule(
        _items(
            lambda signal, value: (
                signal in EVICTION_SIGNALS and _QUANTITY.fullmatch(str(value)) is not None
            )
        ),
        f"amounts such as 100Mi or 5% of {', '.join(EVICTION_SIGNALS)}",
    ),
    "host_resolvers": Rule(
        _each(is_resolver), "addresses of name servers that pods reach, not a loopback one"
    ),
    "host_sysctls": Rule(
        _items(_is_sysctl), "names and values of kernel settings, net.ipv4.ip_forward being 1"
    ),
    "network_backend": _one_of("vxlan", "host-gw"),
    "network_policy_engine": _one_of("none", "kube-network-policies"),
    "preflight_accepted_files": Rule(
        _each(lambda path: str(path).startswith("/")), "absolute paths on the nodes"
    ),
    "preflight_architecture": _one_of("amd64", "arm64"),
    "preflight_kernel": Rule(
        lambda value: len(parse_version(str(value))) > 1, "a version such as 5.13"
    ),
    "worker_labels": Rule(
        _items(is_label),
        "labels that a kubelet may give its node: none of node-role.kubernetes.io, and values of "
        "63 letters, digits and '-_.' at most",
    ),
}
"""Setting → rule. Each holds for values of the setting's type; others are refused before."""


def setting_mistakes(hosts: Hosts, types: Mapping[str, str]) -> list[str]:
    """Say which settings of the hosts cannot be; ``types`` has those of all variables."""
    rules = {**{name: _rule_of(name, kind) for name, kind in types.items()}, **RULES}
    names: dict[tuple[str, str], list[str]] = defaultdict(list)
    for host, variables in hosts.items():
        for name in set(variables) & set(rules):
            value, rule = variables.get(name), rules[name]
            if rule and value is not None and not is_unresolved(value) and not _holds(rule, value):
                names[name, "" if rule.secret else f" is {value!r}"].append(host)
    return [
        f"{name}{text} (of {', '.join(where[:3])}{' and others' if where[3:] else ''}), expected "
        f"{rules[name].expected}"  # type: ignore[union-attr]
        for (name, text), where in sorted(names.items())
    ]


def _rule_of(name: str, kind: str) -> Rule | None:
    """Return the rule of a number, by what its name ends with; None for other types."""
    if kind not in {"int", "float"}:
        return None
    if name.endswith("_port"):
        return PORT
    counted = ("_timeout", "_timeout_s", "_keep", "_ms", "_fall", "_advert_interval")
    return POSITIVE if name.endswith(counted) else NOT_NEGATIVE


def _holds(rule: Rule, value: Any) -> bool:
    """Whether a value obeys; of another type than the rule's it is named as such elsewhere."""
    try:
        return rule.accepts(value)
    except (AttributeError, TypeError, ValueError):
        return True


def is_unresolved(value: Any) -> bool:
    """Whether a value is a template or vaulted, so that only Ansible knows it.

    >>> is_unresolved("{{ mine }}"), is_unresolved({"__ansible_vault": "…"}), is_unresolved("3s")
    (True, True, False)
    """
    if isinstance(value, dict):
        return "__ansible_vault" in value
    return isinstance(value, str) and ("{{" in value or "{%" in value)


def uniform_mistakes(members: list[str], hosts: Hosts) -> list[str]:
    """Say which settings differ between hosts of the cluster, which has one of each."""
    mistakes = []
    for setting in UNIFORM:
        values: dict[str, list[str]] = defaultdict(list)
        for name in members:
            value = hosts[name].get(setting) if name in hosts else None
            if value not in (None, ""):
                values[str(value)].append(name)
        if len(values) > 1:
            actual = "; ".join(f"{value} on {', '.join(where)}" for value, where in values.items())
            mistakes.append(f"{setting} differs ({actual}): set it once, for group cluster")
    return mistakes
