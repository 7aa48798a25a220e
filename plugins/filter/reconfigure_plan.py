"""What a change of settings would do, and why it must not begin.

Pure functions of what kubeadm_settings, upgrade_cluster_state and preflight_node read now.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import yaml

from ansible_collections.kubedrill.kubeadm.plugins.filter.certificate_plan import describe_trouble
from ansible_collections.kubedrill.kubeadm.plugins.filter.upgrade_plan import (
    explain_missing,
    explain_stranger,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

State = Mapping[str, Any]
PARTS = {
    "apiServer": ("certSANs", "extraArgs", "extraVolumes"),
    "controllerManager": ("extraArgs",),
    "scheduler": ("extraArgs",),
}
"""Of kubeadm's ClusterConfiguration: what is brought to the inventory. The rest stays."""
OF_NODES = ("containerRuntimeEndpoint", "resolvConf")
"""Fields of a kubelet's configuration that kubeadm sets on each node."""


def reconfigured(rendered: str, living: str) -> str:
    """Kubeadm's configuration: what the inventory sets, and else what the cluster has.

    ``rendered`` is what an installation would use, ``living`` the ClusterConfiguration of the
    cluster.
    """
    documents = {each["kind"]: each for each in yaml.safe_load_all(rendered)}
    cluster, expected = yaml.safe_load(living), documents["ClusterConfiguration"]
    for component, parts in PARTS.items():
        for part in parts:
            _set(cluster, component, part, (expected.get(component) or {}).get(part))
    local = (expected.get("etcd") or {}).get("local") or {}
    _set(cluster.setdefault("etcd", {}), "local", "extraArgs", local.get("extraArgs"))
    documents["ClusterConfiguration"] = cluster
    documents["InitConfiguration"].pop("bootstrapTokens", None)
    return yaml.safe_dump_all(documents.values(), sort_keys=False)


def _set(parent: dict[str, Any], component: str, part: str, value: Any) -> None:
    actual = (parent.get(component) or {}).get(part) or []
    if value and sorted(map(str, value)) == sorted(map(str, actual)):
        return  # in another order, which would only start programs again
    if value:
        parent[component] = {**(parent.get(component) or {}), part: value}
    else:
        (parent.get(component) or {}).pop(part, None)


def to_record(maps: State, config: str, kubelet_config: str) -> list[str]:
    """Phases of ``kubeadm init`` that have to write what the cluster has recorded anew.

    ``maps`` is a list of ConfigMaps; ``kubelet_config`` what kubeadm writes for a kubelet.
    """
    data = {each["metadata"]["name"]: each.get("data", {}) for each in maps.get("items", ())}
    documents = {each["kind"]: each for each in yaml.safe_load_all(config)}
    phases = []
    if _loaded(data, "kubeadm-config", "ClusterConfiguration") != _pruned(
        documents["ClusterConfiguration"]
    ):
        phases.append("upload-config kubeadm")
    kubelets = (
        _loaded(data, "kubelet-config", "kubelet"),
        _pruned(yaml.safe_load(kubelet_config) or {}),
    )
    recorded, expected = (
        {key: value for key, value in each.items() if key not in OF_NODES} for each in kubelets
    )
    if recorded != expected:
        phases.append("upload-config kubelet")
    return phases


def _loaded(data: State, name: str, key: str) -> dict[str, Any]:
    return _pruned(yaml.safe_load(data.get(name, {}).get(key, "")) or {})


def _pruned(value: Any) -> Any:
    """Leave out what kubeadm writes for a field that is not set."""
    if not isinstance(value, Mapping):
        return value
    pairs = {key: _pruned(each) for key, each in value.items()}
    return {key: each for key, each in pairs.items() if each not in (None, "", "0s", {}, [])}


def explain_kube_proxy(maps: State, config: str) -> str:
    """Why kube-proxy's fields cannot be what the inventory asks for, "" where they are it.

    All of its pods take another configuration at once, so that a wrong one would stop all of them.
    """
    data = {each["metadata"]["name"]: each.get("data", {}) for each in maps.get("items", ())}
    actual = _loaded(data, "kube-proxy", "config.conf")
    documents = {each["kind"]: each for each in yaml.safe_load_all(config)}
    differing = [
        name
        for name, value in documents["KubeProxyConfiguration"].items()
        if not _covers(actual.get(name), value)
    ]
    if not actual or not differing:
        return ""
    return (
        f"kube-proxy has another {', '.join(differing)} than the inventory asks for: it keeps what "
        "it was installed with; correct cluster_kubeadm.kube_proxy, or edit the ConfigMap "
        "kube-system/kube-proxy by hand"
    )


def _covers(actual: Any, expected: Any) -> bool:
    if isinstance(expected, Mapping):
        return isinstance(actual, Mapping) and all(
            _covers(actual.get(key), each) for key, each in expected.items()
        )
    return bool(actual == expected)


def plan_lines(states: Mapping[str, State], records: list[str]) -> list[str]:
    """One line a node: what will be done; and one for what the cluster has recorded."""
    lines = [f"{name}: {_line(state)}" for name, state in states.items()]
    return [*lines, *(f"cluster: kubeadm init phase {phase}" for phase in records)]


def _line(state: State) -> str:
    steps = ["finish what an earlier run began"] if state["begun"] else []
    if state["restart"]:
        steps.append(f"start {', '.join(state['restart'])} with other settings")
    if state["certificate"]:
        names = ", ".join(state["certificate"])
        steps.append(f"sign the API server's certificate anew ({names})")
    if state["kubelet"]:
        steps.append("start the kubelet with another configuration")
    return ", ".join(steps) or "nothing to do"


def is_done(state: State) -> bool:
    """Whether nothing is left to do on a node."""
    return not (state["restart"] or state["kubelet"])


def refusals(cluster: State, expected: Mapping[str, Any]) -> list[str]:
    """Why the change must not begin.

    ``cluster`` is {} where the API does not answer. ``expected`` has ``machines`` (what
    preflight_node returned), ``nodes`` (results of kubeadm_settings), ``names`` (of the inventory's
    cluster), ``in_play``, ``security_profile``, ``max_pods`` (of a kubelet), ``kube_proxy`` (of
    :func:`explain_kube_proxy`) and ``api`` (why the API does not answer).
    """
    mistakes = list(_machines(expected))
    if not cluster:
        return [*mistakes, expected["api"]]
    missing = [name for name in expected["names"] if name not in expected["in_play"]]
    if missing:
        mistakes.append(
            f"--limit leaves out {', '.join(missing)}: settings are the whole cluster's, leave out "
            "--limit"
        )
    mistakes += [*_settings(expected["nodes"]), *filter(None, [expected["kube_proxy"]])]
    return [*mistakes, *_nodes(cluster["nodes"], expected)]


def _machines(expected: Mapping[str, Any]) -> Iterator[str]:
    for name, machine in expected["machines"].items():
        if "trouble" in machine:
            yield describe_trouble(name, machine)
        elif not machine["joined"]:
            yield f"{name} has not joined the cluster: run site.yml first"
        elif machine["versions"] and not machine["api_ready"] and not _begun(name, expected):
            yield f"the API server on {name} is not ready: repair it first"
        elif machine["security_profile"] not in ("", expected["security_profile"]):
            yield (
                f"{name} was installed with security_profile {machine['security_profile']}, the "
                f"inventory asks for {expected['security_profile']}: set it to "
                f"{machine['security_profile']}, as a cluster keeps what it was installed with"
            )


def _begun(name: str, expected: Mapping[str, Any]) -> bool:
    """Whether an earlier run was working on a node: its turn repairs it."""
    return bool(expected["nodes"].get(name, {}).get("state", {}).get("begun"))


def _settings(nodes: Mapping[str, Any]) -> list[str]:
    """What is wrong with the settings; what several nodes say, once."""
    mistakes: list[str] = []
    errors: dict[str, list[str]] = {}
    for name, result in nodes.items():
        if "state" in result:
            mistakes += result["state"]["mistakes"]
        elif result.get("msg"):
            errors.setdefault(result["msg"], []).append(name)
    failures = [f"{', '.join(names)}: {why}: correct that first" for why, names in errors.items()]
    return [*dict.fromkeys(mistakes), *failures]


def _nodes(nodes: Mapping[str, Any], expected: Mapping[str, Any]) -> Iterator[str]:
    names = expected["names"]
    for name, node in nodes.items():
        if name not in names:
            yield explain_stranger(name)
        if node["upgrading_to"]:
            yield (
                f"node {name} is in the middle of an upgrade to {node['upgrading_to']}: finish it "
                "first"
            )
        if node["pods"] > expected["max_pods"]:
            yield (
                f"node {name} runs {node['pods']} pods, cluster_kubeadm.kubelet.maxPods is "
                f"{expected['max_pods']}: its kubelet would end some of them as it starts; drain "
                "it first, or allow more"
            )
        if node["maintaining"]:
            yield f"node {name} is in the middle of a maintenance: finish it first"
        if not node["ready"] and not _begun(name, expected):
            yield f"the cluster is already broken: node {name} is not Ready: repair it first"
    yield from (explain_missing(name) for name in names if name not in nodes)


class FilterModule:
    """Filters of the role."""

    def filters(self) -> dict[str, Any]:
        """Map filter names to functions."""
        return {
            "reconfigure_explain_kube_proxy": explain_kube_proxy,
            "reconfigure_is_done": is_done,
            "reconfigure_plan_lines": plan_lines,
            "reconfigure_refusals": refusals,
            "reconfigure_to_record": to_record,
            "reconfigured": reconfigured,
        }
