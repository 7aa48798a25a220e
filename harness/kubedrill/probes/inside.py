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
from kubedrill.probes.standard import NAMESPACE

if TYPE_CHECKING:
    from collections.abc import Iterable

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
    node: str, specs: list[dict[str, Any]], session: str = ""
) -> list[dict[str, Any]]:
    """The sampler's code and configuration as ConfigMaps, and the DaemonSet on the vantage node.

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
    template["spec"]["nodeSelector"] = {_NODE_LABEL: node}
    digest = hashlib.sha256(json.dumps([code, config], sort_keys=True).encode()).hexdigest()
    # other content, another pod
    template["metadata"]["annotations"] = {"kubedrill/content": digest}
    return [_config_map("sampler-code", code), _config_map("sampler-config", config), daemon_set]


def choose_node(api: ClusterApi, avoid: Iterable[str]) -> str:
    """Choose the vantage node: a Ready worker that is not in ``avoid``, else any Ready worker.

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
    return next((name for name in ordered if name not in set(avoid)), ordered[0])


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
