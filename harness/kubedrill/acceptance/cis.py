"""Controls of the CIS Kubernetes Benchmark 1.11 that files and arguments show.

Numbers are the benchmark's, titles are this project's words.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from kubedrill.base.model import Node
    from kubedrill.cluster.hosts import Hosts

API_SERVER, CONTROLLER_MANAGER, SCHEDULER = (
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
)
PRIVATE = 0o600
WEAK = ("_CBC_", "_RC4_", "_3DES_", "TLS_RSA_")
"""In names of cipher suites: of known attacks, or with keys that open past traffic later."""
HEALTH_PATHS = {"/livez", "/readyz", "/healthz"}
ENCRYPTED = "k8s:enc:"
"""First bytes of an encrypted object in etcd; the provider's name follows."""
STRONG_PROVIDERS = ("secretbox", "kms", "aescbc", "aesgcm")


@dataclass(frozen=True)
class Control:
    """A control of the benchmark, with its number there."""

    number: str
    title: str

    def __str__(self) -> str:
        return f"{self.number} {self.title}"


@dataclass(frozen=True)
class Argument(Control):
    """A control of one argument of a static pod; ``accepts`` gets "" where it is not given."""

    component: str
    name: str
    accepts: Callable[[str], bool]
    expected: str


@dataclass(frozen=True)
class Setting(Control):
    """A control of one setting that a kubelet runs with; ``accepts`` gets None if it has none."""

    name: str
    accepts: Callable[[Any], bool]
    expected: str


@dataclass(frozen=True)
class Files(Control):
    """A control of the modes of files, which are named as find(1) takes them."""

    places: str
    control_planes_only: bool


@dataclass(frozen=True)
class Pod(Control):
    """A control of what a pod in a namespace without labels may ask for."""

    spec: dict[str, Any]
    container: dict[str, Any]


def has_plugin(name: str) -> Callable[[str], bool]:
    """Return a test for an admission plugin in a list of them."""
    return lambda text: name in text.split(",")


def is_number_from(least: int) -> Callable[[Any], bool]:
    """Return a test for a number that is not smaller."""
    return lambda value: str(value).isdecimal() and int(value) >= least


def has_strong_suites(suites: list[str] | None) -> bool:
    """Whether cipher suites are named, and no weak one is.

    >>> has_strong_suites(["TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"]), has_strong_suites(None)
    (True, False)
    >>> has_strong_suites(["TLS_RSA_WITH_AES_128_GCM_SHA256"])
    False
    """
    return bool(suites) and not [name for name in suites or () for mark in WEAK if mark in name]


ARGUMENTS = (
    Argument(
        "1.2.3",
        "Services cannot claim addresses outside the cluster",
        API_SERVER,
        "enable-admission-plugins",
        has_plugin("DenyServiceExternalIPs"),
        "DenyServiceExternalIPs among them",
    ),
    Argument(
        "1.2.9",
        "floods of events are limited",
        API_SERVER,
        "enable-admission-plugins",
        has_plugin("EventRateLimit"),
        "EventRateLimit among them",
    ),
    Argument(
        "1.2.14",
        "kubelets may change only what is theirs",
        API_SERVER,
        "enable-admission-plugins",
        has_plugin("NodeRestriction"),
        "NodeRestriction among them",
    ),
    Argument(
        "1.2.15",
        "the API server offers no profiles",
        API_SERVER,
        "profiling",
        "false".__eq__,
        "false",
    ),
    Argument(
        "1.2.16",
        "the API server writes an audit log",
        API_SERVER,
        "audit-log-path",
        bool,
        "the path of a file",
    ),
    Argument(
        "1.2.17",
        "audit logs are kept for 30 days",
        API_SERVER,
        "audit-log-maxage",
        is_number_from(30),
        "30 or more",
    ),
    Argument(
        "1.2.18",
        "ten older audit logs are kept",
        API_SERVER,
        "audit-log-maxbackup",
        is_number_from(10),
        "10 or more",
    ),
    Argument(
        "1.2.19",
        "an audit log has 100 MB before it is rotated",
        API_SERVER,
        "audit-log-maxsize",
        is_number_from(100),
        "100 or more",
    ),
    Argument(
        "1.2.20",
        "requests end in time",
        API_SERVER,
        "request-timeout",
        lambda text: text not in ("0", "0s"),
        "a time, or kubeadm's 60 s",
    ),
    Argument(
        "1.2.21",
        "tokens of deleted service accounts are refused",
        API_SERVER,
        "service-account-lookup",
        lambda text: text != "false",
        "true",
    ),
    Argument(
        "1.2.27",
        "the API server encrypts what it stores",
        API_SERVER,
        "encryption-provider-config",
        bool,
        "the path of a file",
    ),
    Argument(
        "1.2.29",
        "the API server offers strong ciphers only",
        API_SERVER,
        "tls-cipher-suites",
        lambda text: has_strong_suites(text.split(",") if text else None),
        "suites with forward secrecy and authenticated encryption",
    ),
    Argument(
        "1.2.30",
        "tokens of service accounts end when they say so",
        API_SERVER,
        "service-account-extend-token-expiration",
        "false".__eq__,
        "false",
    ),
    Argument(
        "1.3.1",
        "ended pods are removed before they are too many",
        CONTROLLER_MANAGER,
        "terminated-pod-gc-threshold",
        is_number_from(1),
        "a number",
    ),
    Argument(
        "1.3.2",
        "the controller manager offers no profiles",
        CONTROLLER_MANAGER,
        "profiling",
        "false".__eq__,
        "false",
    ),
    Argument(
        "1.4.1",
        "the scheduler offers no profiles",
        SCHEDULER,
        "profiling",
        "false".__eq__,
        "false",
    ),
    Argument(
        "3.2.1",
        "there is an audit policy",
        API_SERVER,
        "audit-policy-file",
        bool,
        "the path of a file",
    ),
)

SETTINGS = (
    Setting(
        "4.2.4", "no port is open to strangers", "readOnlyPort", lambda port: not port, "0 or none"
    ),
    Setting(
        "4.2.5",
        "idle streams end",
        "streamingConnectionIdleTimeout",
        lambda text: text not in (None, "0s"),
        "a time, not 0",
    ),
    Setting(
        "4.2.6",
        "the kubelet keeps its chains of iptables",
        "makeIPTablesUtilChains",
        lambda value: value is not False,
        "true",
    ),
    Setting(
        "4.2.8",
        "the rate of the kubelet's events is chosen",
        "eventRecordQPS",
        is_number_from(1),
        "a number, not 0",
    ),
    Setting(
        "4.2.10",
        "kubelets renew their client certificates",
        "rotateCertificates",
        lambda value: value is not False,
        "true",
    ),
    Setting(
        "4.2.12",
        "kubelets offer strong ciphers only",
        "tlsCipherSuites",
        has_strong_suites,
        "suites with forward secrecy and authenticated encryption",
    ),
    Setting(
        "4.2.13",
        "a pod cannot use up a node's process numbers",
        "podPidsLimit",
        is_number_from(1),
        "a number",
    ),
    Setting(
        "4.2.14",
        "pods run under the runtime's seccomp profile unless they choose another",
        "seccompDefault",
        lambda value: value is True,
        "true",
    ),
)

FILES = (
    Files("1.1.9", "only root reads the pod network's configuration", "/etc/cni/net.d", False),
    Files(
        "1.1.20",
        "only root reads the control plane's certificates",
        "/etc/kubernetes/pki -name *.crt",
        True,
    ),
    Files(
        "4.1.1",
        "only root reads the kubelet's unit",
        "/etc/systemd/system/kubelet.service /etc/systemd/system/kubelet.service.d",
        False,
    ),
    Files("4.1.7", "only root reads the authority of clients", "/etc/kubernetes/pki/ca.crt", False),
    Files(
        "4.1.9",
        "only root reads the kubelet's configuration",
        "/var/lib/kubelet/config.yaml /etc/kubernetes/kubelet.conf.d",
        False,
    ),
)

PODS = (
    Pod("5.2.2", "no privileged container", {}, {"securityContext": {"privileged": True}}),
    Pod("5.2.3", "no view of the node's processes", {"hostPID": True}, {}),
    Pod("5.2.4", "no shared memory of the node", {"hostIPC": True}, {}),
    Pod("5.2.5", "no network of the node", {"hostNetwork": True}, {}),
    Pod(
        "5.2.9",
        "no capability beyond the runtime's own",
        {},
        {"securityContext": {"capabilities": {"add": ["SYS_ADMIN"]}}},
    ),
    Pod(
        "5.2.12",
        "no directory of the node",
        {"volumes": [{"name": "root", "hostPath": {"path": "/"}}]},
        {},
    ),
    Pod("5.2.13", "no port of the node", {}, {"ports": [{"containerPort": 80, "hostPort": 80}]}),
)


def read_arguments(hosts: Hosts, node: Node, component: str) -> dict[str, str]:
    """Return the arguments of a static pod, by their names."""
    path = f"/etc/kubernetes/manifests/{component}.yaml"
    manifest = yaml.safe_load(hosts.read(node, ["cat", path]).stdout)
    return parse_arguments(manifest["spec"]["containers"][0]["command"])


def parse_arguments(command: list[str]) -> dict[str, str]:
    """Return the arguments of a command.

    >>> parse_arguments(["kube-apiserver", "--profiling=false", "--allow-privileged"])
    {'profiling': 'false', 'allow-privileged': 'true'}
    """
    pairs = (word.removeprefix("--").partition("=") for word in command[1:])
    return {name: value if equals else "true" for name, equals, value in pairs}


def read_named_file(hosts: Hosts, node: Node, argument: str) -> Any:
    """Return the YAML file that an argument of the API server names, None where it names none."""
    path = read_arguments(hosts, node, API_SERVER).get(argument)
    return yaml.safe_load(hosts.read(node, ["cat", path]).stdout) if path else None


def read_kubelet_settings(hosts: Hosts, node: Node) -> dict[str, Any]:
    """Return the settings that a node's kubelet runs with, asked through a control plane."""
    path = f"/api/v1/nodes/{node.name}/proxy/configz"
    kubectl = ["kubectl", "--kubeconfig", "/etc/kubernetes/admin.conf", "get", "--raw", path]
    answer = hosts.read(hosts.inventory.control_planes[0], kubectl).stdout
    return dict(json.loads(answer)["kubeletconfig"])


def audit_level(policy: Mapping[str, Any], verb: str, group: str, resource: str) -> str:
    """Return at which level a policy records a request of somebody without a group.

    >>> audit_level({"rules": [{"level": "None", "verbs": ["get"]}]}, "get", "", "pods")
    'None'
    >>> audit_level({"rules": []}, "get", "", "pods")
    'None'
    """
    for rule in policy.get("rules", ()):
        if rule.get("users") or rule.get("userGroups") or rule.get("namespaces"):
            continue
        if rule.get("nonResourceURLs") or verb not in rule.get("verbs", [verb]):
            continue
        parts = rule.get("resources")
        if not parts or any(_covers(part, group, resource) for part in parts):
            return str(rule["level"])
    return "None"


def _covers(part: Mapping[str, Any], group: str, resource: str) -> bool:
    names = part.get("resources") or [resource]
    return part.get("group", "") == group and (resource in names or "*" in names)
