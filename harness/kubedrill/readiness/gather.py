"""Reads everything that the rules judge, side by side.

What cannot be read becomes an answer with its error.
"""

from __future__ import annotations

import os
import tempfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import yaml
from kubernetes.client import ApiException

from ansible_collections.kubedrill.kubeadm.plugins.plugin_utils.backup_file import (
    SUFFIX,
    TAKEN,
    backups_of,
    read_proof,
)
from kubedrill.base.errors import KubedrillError, StepFailed
from kubedrill.bundle.programs import Programs
from kubedrill.cluster.connections import describe, find_disconnected
from kubedrill.cluster.flags import parse_flags
from kubedrill.cluster.read_only import ReadOnlyApi, ReadOnlyHosts
from kubedrill.cluster.timers import LiveTimers
from kubedrill.readiness.apis import read_server, read_uses
from kubedrill.readiness.hosts import DEFAULT_BUNDLES, read_etcd, read_host
from kubedrill.readiness.model import (
    Answer,
    ApiServer,
    Backups,
    BundleFacts,
    EtcdSnapshot,
    HostFacts,
    Objects,
    Snapshot,
    Trial,
    Version,
    known,
)
from kubedrill.readiness.target import bundle_name, read_bundle
from kubedrill.readiness.trials import gate_settings, kubelet_settings, static_pod_settings, try_all

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from concurrent.futures import Future

    from kubedrill.base.model import Node
    from kubedrill.cluster.hosts import Hosts
    from kubedrill.cluster.inventory import Inventory
    from kubedrill.config import Settings
    from kubedrill.readiness.trials import Setting

T = TypeVar("T")

_WORKERS = 8
"""Questions under way at once: most wait for a node."""

_API_PORT = "6443"
"""kubeadm's default of --secure-port."""


def gather(
    inventory: Inventory,
    target: Version,
    settings: Settings,
    report: Callable[[str], None] = lambda _text: None,
) -> Snapshot:
    """Read the cluster as it stands, in about ten seconds.

    Changes nothing and raises nothing for a silent cluster. ``report`` is first given what is wrong
    with hosts that cannot be used, all of them at once.
    """
    with ExitStack() as stack:
        hosts = stack.enter_context(ReadOnlyHosts(inventory, settings))
        if errors := find_disconnected(hosts):
            report(describe(hosts, errors))
        api = asked(lambda: stack.enter_context(ReadOnlyApi.connect(inventory, hosts, settings)))
        pool = stack.enter_context(ThreadPoolExecutor(_WORKERS))
        return _Gatherer(inventory, target, hosts, api, pool).snapshot()


def asked(question: Callable[[], T]) -> Answer[T]:
    """Return what a question gave, or its error in one line."""
    try:
        return Answer(question())
    except KubedrillError as error:
        return Answer(error=" ".join(str(error).split()))
    except ApiException as error:
        return Answer(error=f"the API refused: {error.status} {error.reason}")
    except (
        KeyError,
        ValueError,
        yaml.YAMLError,
    ) as error:  # ValueError: JSON, and objects that lack a field
        return Answer(
            error=(
                f"the answer cannot be understood: {type(error).__name__} "
                f"{' '.join(str(error).split())[:300]}"
            )
        )


@dataclass
class _Gatherer:
    inventory: Inventory
    target: Version
    hosts: Hosts
    api: Answer[ReadOnlyApi]
    pool: ThreadPoolExecutor

    def snapshot(self) -> Snapshot:
        """Ask everything; the questions that need others' answers come last."""
        lists = {name: self._later(read) for name, read in _LISTS.items()}
        kubeadm = self._later(
            lambda api: _config_map(api, "kubeadm-config", "ClusterConfiguration")
        )
        proxy = self._later(lambda api: _config_map(api, "kube-proxy", "config.conf"))
        timers = self._later(lambda api: LiveTimers.read(api, self.hosts, self.inventory))
        folder = str(self.inventory.vars.get("cluster_bundles_dir") or DEFAULT_BUNDLES)
        hosts = self._each(
            self.inventory.nodes,
            lambda name: read_host(self.hosts, name, folder, bundle_name(self.target)),
        )
        etcd = self._each(self.inventory.control_planes, lambda name: read_etcd(self.hosts, name))
        kubelets = self._each(self.inventory.nodes, self._kubelet_config)
        source = str(self.inventory.vars.get("cluster_bundles_source") or "")
        bundle = self.pool.submit(asked, lambda: read_bundle(source, self.target))
        objects: dict[str, Objects] = {name: future.result() for name, future in lists.items()}
        servers = self._servers(objects["pods"])
        deprecated = {item for server in known(servers).values() for item in server.deprecated}
        trials, missing = _try_settings(
            self.target,
            bundle=bundle.result(),
            pods=objects["pods"],
            kubeadm=kubeadm.result(),
            proxy=proxy.result(),
            hosts=hosts,
            kubelets=kubelets,
        )
        return Snapshot(
            cluster=self.inventory.name,
            inventory=str(self.inventory.path),
            target=self.target,
            taken=datetime.now(UTC),
            machines=self.inventory.nodes,
            **objects,
            api_servers=servers,
            uses=self._ask(lambda api: read_uses(api, deprecated)),
            hosts=hosts,
            etcd=etcd,
            kubelets=kubelets,
            bundle=bundle.result(),
            trials=trials,
            etcd_snapshot=asked(lambda: newest_snapshot(self.inventory.name)),
            backups=asked(lambda: read_backups(self.inventory)),
            timers=timers.result(),
            missing_programs=missing,
        )

    def _with_api(self, question: Callable[[ReadOnlyApi], T]) -> T:
        if not self.api.known:
            raise StepFailed(self.api.error)
        return question(self.api.get())

    def _ask(self, question: Callable[[ReadOnlyApi], T]) -> Answer[T]:
        return asked(lambda: self._with_api(question))

    def _later(self, question: Callable[[ReadOnlyApi], T]) -> Future[Answer[T]]:
        return self.pool.submit(self._ask, question)

    def _each(self, nodes: tuple[Node, ...], question: Callable[[str], T]) -> dict[str, Answer[T]]:
        futures = {
            node.name: self.pool.submit(asked, lambda name=node.name: question(name))
            for node in nodes
        }
        return {name: future.result() for name, future in futures.items()}

    def _kubelet_config(self, name: str) -> dict[str, Any]:
        path = f"/api/v1/nodes/{name}/proxy/configz"
        config: dict[str, Any] = self._with_api(lambda api: api.get_json(path))["kubeletconfig"]
        return config

    def _servers(self, pods: Objects) -> dict[str, Answer[ApiServer]]:
        """Each API server at its own address.

        Metrics are of one server, and the balancer would choose one.
        """

        def read(name: str) -> ApiServer:
            address = server_address(pods.get() if pods.known else (), self.inventory.node(name))
            with self._with_api(lambda api: api.at(name, f"https://{address}")) as one:
                return read_server(one)

        return self._each(self.inventory.control_planes, read)


_LISTS: dict[str, Callable[[ReadOnlyApi], tuple[Any, ...]]] = {
    "nodes": lambda api: tuple(api.nodes()),
    "pods": lambda api: tuple(api.pods()),
    "budgets": lambda api: tuple(api.policy.list_pod_disruption_budget_for_all_namespaces().items),
    "volumes": lambda api: tuple(api.core.list_persistent_volume().items),
    "claims": lambda api: tuple(api.core.list_persistent_volume_claim_for_all_namespaces().items),
    "workloads": lambda api: (
        *api.apps.list_deployment_for_all_namespaces().items,
        *api.apps.list_stateful_set_for_all_namespaces().items,
    ),
}


def _try_settings(  # noqa: PLR0913 - each is one source of settings
    target: Version,
    *,
    bundle: Answer[BundleFacts],
    pods: Objects,
    kubeadm: Answer[dict[str, Any]],
    proxy: Answer[dict[str, Any]],
    hosts: Mapping[str, Answer[HostFacts]],
    kubelets: Mapping[str, Answer[dict[str, Any]]],
) -> tuple[Answer[tuple[Trial, ...]], tuple[str, ...]]:
    errors = dict.fromkeys(
        answer.error for answer in (bundle, pods, kubeadm, proxy) if not answer.known
    )
    if errors:
        return Answer(error="; ".join(errors)), ()
    if bundle.get().faults:
        return Answer(
            error=f"the bundle of {target} is not usable: its programs cannot be asked"
        ), ()
    settings: list[Setting] = [
        *static_pod_settings(pods.get(), kubeadm.get()),
        *gate_settings("kube-proxy", "its ConfigMap", proxy.get().get("featureGates") or {}),
    ]
    for name, host in hosts.items():
        args = host.get().kubelet_args if host.known else ()
        settings += kubelet_settings(name, args, known(kubelets).get(name, {}))
    with tempfile.TemporaryDirectory(prefix="kubedrill-target-") as folder:
        trials, missing = try_all(Programs(Path(bundle.get().path), Path(folder)), settings)
    return Answer(trials), missing


def _config_map(api: ReadOnlyApi, name: str, key: str) -> dict[str, Any]:
    data = api.core.read_namespaced_config_map(name, "kube-system").data or {}
    document = yaml.safe_load(data.get(key, "")) or {}
    if not isinstance(document, dict):
        raise StepFailed(
            f"ConfigMap kube-system/{name} has no {key} that can be read; is this a kubeadm "
            f"cluster?"
        )
    return document


def server_address(pods: tuple[Any, ...], node: Node) -> str:
    """Host and port of a control plane's own API server, from its static pod's flags.

    Else kubeadm's defaults.
    """
    for pod in pods:
        if (pod.metadata.labels or {}).get(
            "component"
        ) == "kube-apiserver" and pod.spec.node_name == node.name:
            flags = parse_flags(pod.spec.containers[0].command or [])
            host = flags.get("advertise-address", node.address)
            return f"{f'[{host}]' if ':' in host else host}:{flags.get('secure-port', _API_PORT)}"
    return f"{node.address}:{_API_PORT}"


def newest_snapshot(cluster: str) -> EtcdSnapshot:
    """The newest etcd snapshot of the cluster on this host, where roles/etcd_snapshot puts them."""
    folder = _state_folder(cluster) / "snapshots"
    times = [path.stat().st_mtime for path in folder.glob("*.db")]
    return EtcdSnapshot(str(folder), datetime.fromtimestamp(max(times), UTC) if times else None)


def read_backups(inventory: Inventory) -> Backups:
    """The cluster's backups on this host, where roles/backup puts them, by the times they name.

    Raises:
        StepFailed: the folder cannot be read.
    """
    given = str(inventory.vars.get("backup_directory") or "")
    folder = Path(given).expanduser() if given else _state_folder(inventory.name) / "backups"
    try:
        paths = backups_of(folder, inventory.name)
    except OSError as error:
        raise StepFailed(f"{folder} cannot be read: {error.strerror}") from error
    proven = next((path for path in paths if read_proof(path)), None)
    taken = [_taken(path) if path else None for path in (next(iter(paths), None), proven)]
    return Backups(str(folder), *taken)


def _taken(backup: Path) -> datetime:
    stamp = backup.name.removesuffix(SUFFIX).rpartition("-")[2]
    return datetime.strptime(stamp, TAKEN).replace(tzinfo=UTC)


def _state_folder(cluster: str) -> Path:
    state = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    return Path(state) / "kubedrill" / cluster
