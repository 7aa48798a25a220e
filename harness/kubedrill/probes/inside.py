"""The in-cluster prober.

The same sampler as outside, in a pod, whose samples survive an API outage and come later.
"""

from __future__ import annotations

import hashlib
import json
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import yaml

from kubedrill.base.errors import StepFailed
from kubedrill.cluster.api import ApiUnavailable
from kubedrill.probes.standard import NAMESPACE

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from kubedrill.base.model import ProbeSpec
    from kubedrill.cluster.api import ClusterApi

PORT = 8099
NAME = "prober"
LEDGER = "watch-ledger"
"""The object that the watch ledger is about."""
SELECTOR = f"app.kubernetes.io/name={NAME}"
_NODE_LABEL = "kubernetes.io/hostname"


def namespace_objects(api_probes: Iterable[ProbeSpec]) -> list[dict[str, Any]]:
    """The namespace (restricted Pod Security) and one ConfigMap for each API probe."""
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    namespace = {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": NAMESPACE, "labels": labels},
    }
    return [namespace, *(_config_map(spec.name, {}) for spec in api_probes)]


def ledger_object() -> dict[str, Any]:
    """The ConfigMap of the watch ledger; who keeps it writes its content."""
    return _config_map(LEDGER, {})


def prober_objects(
    nodes: Sequence[str], specs: list[dict[str, Any]], session: str = ""
) -> list[dict[str, Any]]:
    """The sampler's code and configuration as ConfigMaps, and the DaemonSet on the vantage nodes.

    Another ``session`` starts another pod, also where an earlier one's was left behind, with hours
    of its samples.
    """
    folder = files("kubedrill.probes.sampler")
    code = {
        item.name: item.read_text(encoding="utf-8")
        for item in sorted(folder.iterdir(), key=lambda item: item.name)
        if item.name.endswith(".py")
    }
    config = {
        "config.json": json.dumps(
            {"session": session, "listen": f"0.0.0.0:{PORT}", "probes": specs}
        )
    }
    daemon_set: dict[str, Any] = yaml.safe_load(
        files(__package__).joinpath("prober.yaml").read_text(encoding="utf-8")
    )
    template = daemon_set["spec"]["template"]
    on_nodes = {"key": _NODE_LABEL, "operator": "In", "values": list(nodes)}
    required = {"nodeSelectorTerms": [{"matchExpressions": [on_nodes]}]}
    template["spec"]["affinity"] = {
        "nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": required}
    }
    digest = hashlib.sha256(json.dumps([code, config], sort_keys=True).encode()).hexdigest()
    # other content, another pod
    template["metadata"]["annotations"] = {"kubedrill/content": digest}
    return [_config_map("sampler-code", code), _config_map("sampler-config", config), daemon_set]


def choose_nodes(api: ClusterApi, avoid: Iterable[str], number: int = 1) -> list[str]:
    """Choose ``number`` vantage nodes, or as many as there are: Ready workers, best not ``avoid``.

    The last of the inventory first, so that the choice does not depend on chance. Only workers have
    the prober's image.

    Raises:
        StepFailed: no worker is Ready.
    """
    ready = {node.metadata.name for node in api.nodes() if api.ready(node)}
    ordered = [node.name for node in reversed(api.inventory.workers) if node.name in ready]
    if not ordered:
        raise StepFailed(
            "no worker is Ready, so there is no place for the in-cluster prober; bring a worker "
            "up "
            "first"
        )
    avoided = set(avoid)
    return sorted(ordered, key=avoided.__contains__)[:number]


class ProberPod:
    """The prober on one node, whatever its pod is called now."""

    def __init__(self, api: ClusterApi, node: str) -> None:
        self._api, self.node, self._name = api, node, ""

    def get(self, path: str) -> str:
        """GET a path of it. Raises ApiUnavailable, ApiException."""
        name, self._name = self._name, ""  # after a failure it may be another pod
        if not name:
            pods = self._api.pods(NAMESPACE, SELECTOR)
            running = [
                each.metadata.name
                for each in pods
                if each.spec.node_name == self.node and not each.metadata.deletion_timestamp
            ]
            if not running:
                raise ApiUnavailable(f"the in-cluster prober has no pod on {self.node} now")
            name = running[0]
        body = self._api.pod_get(NAMESPACE, name, path, PORT)
        self._name = name
        return body


def end_probes(api: ClusterApi) -> None:
    """Ask to delete the probes' namespace with all in it; does not wait."""
    api.delete(namespace_objects(())[:1])


def remove_probes(api: ClusterApi) -> None:
    """Delete the probes' namespace with all in it, and wait until it is gone.

    timeouts.namespace_gone.
    """
    api.remove_namespace(NAMESPACE)


def _config_map(name: str, data: dict[str, str]) -> dict[str, Any]:
    meta = {"name": name, "namespace": NAMESPACE}
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": meta,
        **({"data": data} if data else {}),
    }
