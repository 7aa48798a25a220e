"""Compare ``kubedrill app deploy`` with ``kubectl apply`` and ``kubectl wait`` by hand.

``benchmarks/orders.py [--pairs 3]`` puts the order service on the installed local cluster by either
way in turn, each time from nothing, with the images on the nodes, until every part is complete. By
hand: the manifests with their Secrets and a certificate stand in files before the clock starts;
then ``kubectl apply`` in the order in which they need one another, ``kubectl rollout status`` of
each workload, ``kubectl wait`` for the migration. What is there of the order service, volumes
included, is removed first, and after each measurement.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.install import INVENTORY, VERSION, run
from kubedrill.bundle.orders import orders_bundle
from kubedrill.cluster.api import ClusterApi
from kubedrill.cluster.hosts import Hosts
from kubedrill.cluster.inventory import Inventory
from kubedrill.config import load_settings
from kubedrill.orders import manifests, pki
from kubedrill.orders.certificates import NAMES, SERVING
from kubedrill.orders.service import OrderService, import_images

if TYPE_CHECKING:
    from collections.abc import Sequence

MOST = 1.2
"""Of deploy's time, in times by hand."""
ENOUGH_S = 90.0
"""From nothing to ready on three control planes and two workers."""
PATIENCE = "--timeout=300s"
MADE_BY_HAND = ("1-namespace", "2-secrets", "3-service")
"""Files of manifests, in the order in which they are applied."""


def kubectl() -> Path:
    """The kubectl of the release that the local cluster was installed with."""
    cache = Path(os.environ.get("KUBEDRILL_CACHE") or Path.home() / ".cache/kubedrill")
    return cache / f"bundles/v{VERSION}-amd64/bin/kubectl"


def certificate(cluster: Inventory) -> dict[str, Any]:
    """The Secret of the ingress's certificate, of an authority that is thrown away."""
    addresses = [cluster.endpoint_address, *(node.address for node in cluster.nodes)]
    request = pki.new_request(NAMES, addresses)
    signed = pki.sign(request.certificate, pki.new_authority("by hand"), [*NAMES, *addresses])
    metadata = {
        "name": SERVING,
        "namespace": manifests.NAMESPACE,
        "labels": {"app.kubernetes.io/part-of": "orders"},
    }
    data = {"tls.crt": signed, "tls.key": request.key}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": metadata,
        "type": "kubernetes.io/tls",
        "stringData": data,
    }


def write_files(folder: Path, cluster: Inventory) -> None:
    """Write what ``kubedrill app deploy`` applies.

    Passwords are fresh, and the folder is its owner's only.
    """
    objects = manifests.load(manifests.VERSIONS[0])
    parts = (objects[:2], [*manifests.new_secrets(), certificate(cluster)], objects[2:])
    for name, items in zip(MADE_BY_HAND, parts, strict=True):
        (folder / f"{name}.json").write_text(
            json.dumps({"apiVersion": "v1", "kind": "List", "items": items})
        )


def by_hand(folder: Path, kubeconfig: Path) -> float:
    """Seconds of applying and waiting."""
    base: Sequence[str | Path] = (
        kubectl(),
        "--kubeconfig",
        kubeconfig,
        "--namespace",
        manifests.NAMESPACE,
    )
    workloads = [
        *(f"statefulset/{n}" for n in manifests.STATEFUL),
        *(f"deployment/{n}" for n in manifests.DEPLOYMENTS),
    ]
    seconds = sum(
        run(*base, "apply", "--filename", folder / f"{name}.json") for name in MADE_BY_HAND
    )
    seconds += sum(run(*base, "rollout", "status", PATIENCE, name) for name in workloads)
    migration = f"job/{manifests.migration(manifests.VERSIONS[0])}"
    return seconds + run(*base, "wait", "--for=condition=complete", PATIENCE, migration)


def deploy() -> float:
    """Seconds of ``kubedrill app deploy``, which looks whether every node has the images, too."""
    return run(sys.executable, "-m", "kubedrill.cli", "app", "deploy", "--inventory", INVENTORY)


def measure(pairs: int, service: OrderService, api: ClusterApi) -> tuple[list[float], list[float]]:
    """Seconds of deploy and their ratios to seconds by hand; who is first takes turns."""
    times, ratios = [], []
    for number in range(1, pairs + 1):
        seconds = {}
        for way in ("by hand", "deploy") if number % 2 else ("deploy", "by hand"):
            with tempfile.TemporaryDirectory(prefix="kubedrill-bench-") as name:
                write_files(Path(name), api.inventory)
                seconds[way] = (
                    deploy() if way == "deploy" else by_hand(Path(name), api.kubeconfig_path)
                )
            service.remove()
        times.append(seconds["deploy"])
        ratios.append(seconds["deploy"] / seconds["by hand"])
        print(
            (
                f"pair {number}: by hand {seconds['by hand']:.1f} s, deploy "
                f"{seconds['deploy']:.1f} s "
                f"(ratio {ratios[-1]:.2f})"
            ),
            flush=True,
        )
    return times, ratios


def main() -> None:
    """Put the images on the nodes, measure the pairs and print them."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pairs", type=int, default=3)
    pairs = parser.parse_args().pairs
    settings, cluster = load_settings(None), Inventory.load(INVENTORY)
    orders_bundle()
    with Hosts(cluster, settings) as hosts, ClusterApi.connect(cluster, hosts, settings) as api:
        service = OrderService(api, settings)
        import_images(cluster, settings)
        service.remove()
        times, ratios = measure(pairs, service, api)
    print(
        f"app deploy / by hand: median {statistics.median(ratios):.2f} of {pairs}, at most {MOST:g}"
    )
    print(
        f"app deploy: median {statistics.median(times):.0f} s of {pairs}, at most {ENOUGH_S:g} s "
        f"allowed"
    )


if __name__ == "__main__":
    main()
