"""The versions in harness/kubedrill/bundle/releases.py are those that the Go modules lock.

A bump of one without the other is caught.
"""

from __future__ import annotations

import re
from collections import Counter

import pytest

from kubedrill.bundle import modules_source, releases, tools
from kubedrill.bundle.errors import Unsupported
from kubedrill.bundle.golang import MODULES, Product, kubernetes_product
from kubedrill.bundle.modules_source import (
    CONTROL_PLANES,
    containerd_product,
    coredns_product,
    etcd_product,
    modules_items,
)
from kubedrill.bundle.recipes import order
from kubedrill.bundle.releases import RELEASES, STANDARD, Release, find_release
from kubedrill.bundle.toolchain import NEEDED_GO
from kubedrill.bundle.upstream_source import Upstream, upstream_items

PRODUCTS = {
    "github.com/flannel-io/flannel": modules_source.FLANNEL,
    "sigs.k8s.io/metrics-server": modules_source.METRICS_SERVER,
    "github.com/rancher/local-path-provisioner": modules_source.LOCAL_PATH,
    "github.com/opencontainers/runc": modules_source.RUNC,
    "github.com/containernetworking/plugins": modules_source.CNI,
    "helm.sh/helm/v4": tools.HELM,
}

DRILLED = tuple(find_release(version) for version in STANDARD)


def required(product: Product) -> dict[str, str]:
    text = (product.module / "go.mod").read_text()
    return dict(re.findall(r"^(?:require)?\s+(\S+) (v\S+)", text, re.MULTILINE))


@pytest.mark.parametrize(
    ("path", "product"),
    [
        *PRODUCTS.items(),
        *(
            pair
            for release in RELEASES
            for pair in (
                ("go.etcd.io/etcd/server/v3", etcd_product(release.etcd)),
                ("github.com/coredns/coredns", coredns_product(release.coredns)),
                ("github.com/containerd/containerd/v2", containerd_product(release.containerd)),
            )
        ),
    ],
)
def test_a_products_version_is_the_locked_one(path: str, product: Product) -> None:
    assert required(product)[path] == product.version


@pytest.mark.parametrize("release", RELEASES)
def test_kubernetes_and_its_staging_modules_are_of_one_version(release: Release) -> None:
    product = kubernetes_product(release.kubernetes, release.minor, [])
    text = (product.module / "go.mod").read_text()
    assert required(product)["k8s.io/kubernetes"] == release.kubernetes
    staged = set(re.findall(r"^\s*k8s\.io/\S+ => k8s\.io/\S+ (\S+)$", text, re.MULTILINE))
    assert staged == {release.kubernetes.replace("v1.", "v0.", 1)}


def test_the_toolchain_is_required_as_new_as_the_newest_module_asks() -> None:
    asked = [
        re.search(r"^go (\S+)$", p.read_text(), re.MULTILINE) for p in MODULES.glob("*/go.mod")
    ]
    assert len(asked) == 22
    assert max(tuple(int(n) for n in a.group(1).split(".")) for a in asked if a) == NEEDED_GO


@pytest.mark.parametrize("release", RELEASES)
def test_both_sources_make_the_same_files(release: Release) -> None:
    def shape(items: list) -> set:  # type: ignore[type-arg]
        return {(i.name, i.kind, i.path, i.image, i.nodes) for i in items}

    upstream = shape(upstream_items(release, Upstream()))
    only_published = {item for item in upstream if item[0] == "kube-network-policies"}
    assert len(only_published) == 1
    assert shape(modules_items(release)) == upstream - only_published


@pytest.mark.parametrize("release", RELEASES)
def test_a_bundle_has_all_that_a_node_needs(release: Release) -> None:
    items = modules_items(release)
    assert {i.name for i in items if i.kind == "binary"} == {
        *("kubeadm", "kubelet", "kubectl", "etcdctl", "etcdutl"),
        *("containerd", "containerd-shim-runc-v2", "ctr", "runc"),
    }
    assert {"bridge", "host-local", "loopback", "portmap"} <= {
        i.name for i in items if i.kind == "cni"
    }
    assert {i.image for i in items if i.nodes == CONTROL_PLANES} - {None} == {
        f"registry.k8s.io/kube-apiserver:{release.kubernetes}",
        f"registry.k8s.io/kube-controller-manager:{release.kubernetes}",
        f"registry.k8s.io/kube-scheduler:{release.kubernetes}",
        f"registry.k8s.io/etcd:{release.etcd_tag}",
    }
    assert max(Counter(i.path for i in items).values()) == 1


def test_no_program_of_a_node_comes_from_a_distribution() -> None:
    """Debian 13's runc needs glibc 2.38, which Debian 12 and Ubuntu 22.04 have not."""
    items = [i for i in modules_items(DRILLED[0]) if i.kind in ("binary", "cni")]
    assert {i.recipe.name for i in items if not i.recipe.name.startswith("go-")} == set()
    assert not [i.name for i in items if i.packages]


def test_what_two_releases_share_is_built_once() -> None:
    first, second = ({r.key for r in order(modules_items(release))} for release in DRILLED)
    shared = {r.name for r in order(modules_items(DRILLED[0])) if r.key in second}
    assert {"go-runc", "layer-net", "layer-python", "image-flannel", "image-hello-v1"} <= shared
    assert {"go-kubernetes-1.35", "image-kube-proxy", "image-etcd"} <= {
        r.name for r in order(modules_items(DRILLED[0])) if r.key in first - second
    }


def test_an_upgrade_between_the_standard_releases_upgrades_what_is_beside_kubernetes() -> None:
    older, newer = DRILLED
    for name in ("etcd", "coredns", "containerd"):
        assert _numbers(getattr(older, name)) < _numbers(getattr(newer, name)), name


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in version.removeprefix("v").split("."))


def test_an_unknown_release_names_those_that_there_are() -> None:
    with pytest.raises(
        Unsupported, match=r"Kubernetes 1\.33\.1 has no bundle: .* 1\.34\.4, 1\.35\.4, "
    ):
        find_release("1.33.1")
    assert find_release("v1.37.2").kubernetes == releases.RELEASES[-1].kubernetes
