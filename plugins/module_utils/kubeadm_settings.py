"""What ``cluster_kubeadm`` may be: arguments and configuration fields of Kubernetes' programs.

Pure functions, used by preflight, the playbooks and the harness. Whether a program knows an
argument is asked of the program itself (kubeadm_settings, the module).
"""

from __future__ import annotations

import re
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from ansible_collections.kubedrill.kubeadm.plugins.module_utils.inventory_values import (
    has_control_characters,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

VARIABLE = "cluster_kubeadm"
PROGRAMS = {
    "api_server": "kube-apiserver",
    "controller_manager": "kube-controller-manager",
    "etcd": "etcd",
    "scheduler": "kube-scheduler",
}
"""Components that have arguments, and their static pods."""
CONFIGURED = ("kubelet", "kube_proxy")
"""Components that have fields of a configuration."""
GATES = "feature_gates"
_LEASE = dict.fromkeys(
    ("leader-elect-lease-duration", "leader-elect-renew-deadline", "leader-elect-retry-period"),
    "set control_plane_lease_duration",
)
_IDENTITY = "it is kubeadm's"
NEEDED: dict[str, dict[str, str]] = {
    "api_server": {
        "advertise-address": "it is the node's address",
        "anonymous-auth": "load balancers ask for health without credentials",
        "authorization-mode": "nodes and kubeadm's roles rest on it",
        "bind-address": "load balancers and probes reach it there",
        "client-ca-file": _IDENTITY,
        "enable-bootstrap-token-auth": "nodes join by it",
        "encryption-provider-config": "Secrets could not be read any more; set security_profile",
        "etcd-cafile": _IDENTITY,
        "etcd-certfile": _IDENTITY,
        "etcd-keyfile": _IDENTITY,
        "etcd-servers": "it uses its node's member of etcd",
        "feature-gates": f"set {VARIABLE}.{GATES}",
        "kubelet-client-certificate": _IDENTITY,
        "kubelet-client-key": _IDENTITY,
        "proxy-client-cert-file": _IDENTITY,
        "proxy-client-key-file": _IDENTITY,
        "requestheader-client-ca-file": _IDENTITY,
        "secure-port": "set control_plane_api_port before the installation",
        "service-account-issuer": "the tokens of all pods would be refused",
        "service-account-key-file": _IDENTITY,
        "service-account-signing-key-file": _IDENTITY,
        "service-cluster-ip-range": "set cluster_service_network before the installation",
        "shutdown-delay-duration": "set control_plane_shutdown_delay",
        "tls-cert-file": _IDENTITY,
        "tls-private-key-file": _IDENTITY,
    },
    "controller_manager": {
        "allocate-node-cidrs": "the pod network rests on it",
        "authentication-kubeconfig": _IDENTITY,
        "authorization-kubeconfig": _IDENTITY,
        "bind-address": "its health is asked for there",
        "client-ca-file": _IDENTITY,
        "cluster-cidr": "set cluster_pod_network before the installation",
        "cluster-signing-cert-file": _IDENTITY,
        "cluster-signing-key-file": _IDENTITY,
        "controllers": "nodes join by two that kubeadm switches on",
        "feature-gates": f"set {VARIABLE}.{GATES}",
        "kubeconfig": _IDENTITY,
        "leader-elect": "one of them at a time must lead",
        "requestheader-client-ca-file": _IDENTITY,
        "root-ca-file": _IDENTITY,
        "secure-port": "its health is asked for there",
        "service-account-private-key-file": _IDENTITY,
        "service-cluster-ip-range": "set cluster_service_network before the installation",
        "use-service-account-credentials": "its controllers' roles rest on it",
        **_LEASE,
    },
    "scheduler": {
        "authentication-kubeconfig": _IDENTITY,
        "authorization-kubeconfig": _IDENTITY,
        "bind-address": "its health is asked for there",
        "feature-gates": f"set {VARIABLE}.{GATES}",
        "kubeconfig": _IDENTITY,
        "leader-elect": "one of them at a time must lead",
        "secure-port": "its health is asked for there",
        **_LEASE,
    },
    "etcd": {
        **dict.fromkeys(
            (
                "advertise-client-urls",
                "cert-file",
                "client-cert-auth",
                "initial-advertise-peer-urls",
                "initial-cluster",
                "initial-cluster-state",
                "key-file",
                "listen-client-urls",
                "listen-metrics-urls",
                "listen-peer-urls",
                "name",
                "peer-cert-file",
                "peer-client-cert-auth",
                "peer-key-file",
                "peer-trusted-ca-file",
                "trusted-ca-file",
            ),
            _IDENTITY,
        ),
        "config-file": "etcd would not read its other arguments",
        "data-dir": "the cluster's data is there",
        "feature-gates": "its gates are not Kubernetes'",
        "force-new-cluster": "the other members would be lost",
        "wal-dir": "the cluster's data is there",
    },
    "kubelet": {
        **dict.fromkeys(("apiVersion", "authentication", "kind", "rotateCertificates"), _IDENTITY),
        "cgroupDriver": "it is the container runtime's",
        "clusterDNS": "it follows from cluster_service_network",
        "clusterDomain": "certificates and pods have it already",
        "containerRuntimeEndpoint": "it is the container runtime's",
        "featureGates": f"set {VARIABLE}.{GATES}",
        "healthzBindAddress": "its health is asked for there",
        "healthzPort": "its health is asked for there",
        "port": "API servers reach it there",
        "serverTLSBootstrap": "nothing here approves such certificates",
        "staticPodPath": "the control plane's manifests are there",
        "staticPodURL": "the control plane's manifests are files",
        "tlsCertFile": "API servers verify none",
        "tlsPrivateKeyFile": "API servers verify none",
    },
    "kube_proxy": {
        **dict.fromkeys(("apiVersion", "clientConnection", "kind"), _IDENTITY),
        "clusterCIDR": "it follows from cluster_pod_network",
        "featureGates": f"set {VARIABLE}.{GATES}",
        "hostnameOverride": "it is the node's name",
        "mode": "the roles set the nodes up for nftables",
        "nodePortAddresses": "the virtual address moves between nodes",
    },
}
"""Component → what the project needs to be as it is, and why or what to set instead."""
_ARGUMENT = re.compile(r"[a-z0-9][a-z0-9-]*")
_FIELD = re.compile(r"[a-z][A-Za-z0-9]*")
_GATE = re.compile(r"[A-Z][A-Za-z0-9]*")


def settings_mistakes(
    members: Iterable[str], hosts: Mapping[str, Mapping[str, Any]]
) -> Iterator[str]:
    """Say what is wrong with ``cluster_kubeadm``."""
    nodes = [hosts[name] for name in members if name in hosts]
    values = [node.get(VARIABLE) for node in nodes if node.get(VARIABLE) is not None]
    if any(value != values[0] for value in values):
        yield f"{VARIABLE} differs between hosts: set it once, for group cluster"
    elif values:
        yield from _kubeadm_mistakes(values[0])


def _kubeadm_mistakes(settings: Any) -> Iterator[str]:
    known = [*PROGRAMS, *CONFIGURED, GATES]
    if not isinstance(settings, dict):
        yield f"{VARIABLE} is {_kind(settings)}: expected a mapping of {', '.join(known)}"
        return
    for component, values in settings.items():
        where = f"{VARIABLE}.{component}"
        if component not in known:
            yield f"{where} does not exist: expected {_suggest(str(component), known)}"
        elif not isinstance(values, dict):
            yield f"{where} is {_kind(values)}: expected a mapping of names to values"
        elif component == GATES:
            yield from _gate_mistakes(where, values)
        else:
            yield from _component_mistakes(where, str(component), values)


def _gate_mistakes(where: str, gates: Mapping[Any, Any]) -> Iterator[str]:
    for name, value in gates.items():
        if not _GATE.fullmatch(str(name)):
            yield f"{where} has {str(name)[:100]!r}: expected a gate's name, such as UserNamespaces"
        elif not isinstance(value, bool):
            yield f"{where}.{name} is {_kind(value)}: expected true or false"


def _component_mistakes(where: str, component: str, values: Mapping[Any, Any]) -> Iterator[str]:
    arguments = component in PROGRAMS
    for name, value in values.items():
        if not (_ARGUMENT if arguments else _FIELD).fullmatch(str(name)):
            example = "event-ttl, without dashes before it" if arguments else "maxPods"
            yield f"{where} has {str(name)[:100]!r}: expected a name such as {example}"
        elif reason := NEEDED[component].get(str(name)):
            yield f"{where}.{name} cannot be set: {reason}; remove it"
        elif arguments and not isinstance(value, (str, int, float, bool)):
            yield f"{where}.{name} is {_kind(value)}: expected text, a number, true or false"
        elif value is None:
            yield f"{where}.{name} has no value: give it one, or remove it"
        elif any(has_control_characters(text) for text in _texts(value)):
            yield f"{where}.{name} has a line break or another control character: remove it"


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for name, each in value.items():
            yield from (str(name), *_texts(each))
    elif isinstance(value, (list, tuple)):
        for each in value:
            yield from _texts(each)
    elif isinstance(value, str):
        yield value


def _kind(value: Any) -> str:
    """What a value is, without its content."""
    if value is None or value == "":
        return "empty"
    if isinstance(value, (dict, list, tuple)):
        return "a mapping" if isinstance(value, dict) else "a list"
    return "text" if isinstance(value, str) else f"{value!r}"


def _suggest(name: str, known: Sequence[str]) -> str:
    nearest = get_close_matches(name, known, 1)
    return nearest[0] if nearest else f"one of {', '.join(known)}"


def unknown_arguments(component: str, settings: Mapping[str, Any], help_text: str) -> Iterator[str]:
    r"""Say which arguments and feature gates a program does not know, by its ``--help``.

    >>> next(unknown_arguments("etcd", {"etcd": {"nam": "x"}}, "  --name 'default'\n"))
    'cluster_kubeadm.etcd.nam: etcd has no such argument, the nearest is name'
    """
    program = PROGRAMS[component]
    arguments = re.findall(r"^\s+(?:-\w, )?--([a-z0-9-]+)", help_text, re.MULTILINE)
    gates = re.findall(r"\b([A-Z][A-Za-z0-9]*)=true\|false", help_text)
    for name in settings.get(component, {}) if arguments else ():
        if name not in arguments:
            yield (
                f"{VARIABLE}.{component}.{name}: {program} has no such argument"
                f"{_nearest(name, arguments)}"
            )
    for name in settings.get(GATES, {}) if gates and component != "etcd" else ():
        if name not in gates:
            yield f"{VARIABLE}.{GATES}.{name}: {program} has no such gate{_nearest(name, gates)}"


def _nearest(name: str, known: Sequence[str]) -> str:
    nearest = get_close_matches(name, known, 1, 0.5)
    return f", the nearest is {nearest[0]}" if nearest else ""
