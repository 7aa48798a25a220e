"""Source `modules`: locked upstream Go modules, Debian packages and this checkout."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kubedrill.bundle import releases
from kubedrill.bundle.golang import Product, go_recipe, kubernetes_product, several_locked
from kubedrill.bundle.images import (
    IMAGE,
    PAUSE_CONFIG,
    Image,
    hello,
    hello_image,
    image_recipe,
    pause_image,
    python_image,
)
from kubedrill.bundle.layers import PACKAGES, PYTHON_PACKAGES, net_layer
from kubedrill.bundle.oci import Config
from kubedrill.bundle.recipes import Item, Recipe
from kubedrill.bundle.releases import KUBERNETES_BINARIES, KUBERNETES_IMAGES, Release

if TYPE_CHECKING:
    from pathlib import Path

ALL_NODES = ("control_plane", "worker")
CONTROL_PLANES = ("control_plane",)

FLANNEL = Product(
    "flannel",
    releases.FLANNEL,
    ("github.com/flannel-io/flannel",),
    tags=("netgo", "osusergo"),  # statically linked programs cannot use glibc's resolver
    stamps=(f"github.com/flannel-io/flannel/pkg/version.Version={releases.FLANNEL}",),
    cgo=True,  # its udp backend is written in C
)
METRICS_SERVER = Product(
    "metrics-server",
    releases.METRICS_SERVER,
    ("sigs.k8s.io/metrics-server/cmd/metrics-server",),
    stamps=(f"k8s.io/client-go/pkg/version.gitVersion={releases.METRICS_SERVER}",),
)
LOCAL_PATH = Product(
    "local-path-provisioner",
    releases.LOCAL_PATH_PROVISIONER,
    ("github.com/rancher/local-path-provisioner",),
    stamps=(f"main.VERSION={releases.LOCAL_PATH_PROVISIONER}",),
)
_FILTER_PACKAGES = ("nftables", "iptables", "conntrack")
_CNI_MODULE = "github.com/containernetworking/plugins"
_PLUGINS = {
    "main": ("bridge", "host-device", "ipvlan", "loopback", "macvlan", "ptp", "vlan"),
    "ipam": ("dhcp", "host-local", "static"),
    "meta": ("bandwidth", "firewall", "portmap", "sbr", "tuning", "vrf"),
}
CNI_PLUGINS = tuple(sorted(name for names in _PLUGINS.values() for name in names))
# Linked statically, as runc is: a distribution's own programs ask each node for its glibc.
CNI = Product(
    "cni-plugins",
    releases.CNI_PLUGINS,
    tuple(
        f"{_CNI_MODULE}/plugins/{kind}/{name}" for kind, names in _PLUGINS.items() for name in names
    ),
    stamps=(f"{_CNI_MODULE}/pkg/utils/buildversion.BuildVersion={releases.CNI_PLUGINS}",),
)
RUNC = Product(
    "runc",
    releases.RUNC,
    ("github.com/opencontainers/runc",),
    tags=("seccomp", "netgo", "osusergo"),
    cgo=True,  # namespaces are entered in C, before Go's threads start
)


def etcd_product(version: str) -> Product:
    """Return etcd and its tools."""
    commands = ("server/v3", "etcdctl/v3", "etcdutl/v3")
    return several_locked("etcd", version, tuple(f"go.etcd.io/etcd/{c}" for c in commands))


def coredns_product(version: str) -> Product:
    """Return CoreDNS."""
    return several_locked("coredns", version, ("github.com/coredns/coredns",))


def containerd_product(version: str) -> Product:
    """Return containerd, its shim and ctr."""
    module = "github.com/containerd/containerd/v2"
    return several_locked(
        "containerd",
        version,
        tuple(f"{module}/cmd/{c}" for c in ("containerd", "containerd-shim-runc-v2", "ctr")),
        # They need C libraries; Kubernetes nodes use overlayfs.
        tags=("no_btrfs", "no_zfs", "no_devmapper"),
        stamps=(f"{module}/version.Version={version}",),
    )


def modules_items(release: Release) -> list[Item]:
    """Return all files of a release's bundle, with the recipes that make them."""
    commands = (*KUBERNETES_BINARIES, *KUBERNETES_IMAGES)
    kubernetes = kubernetes_product(release.kubernetes, release.minor, commands)
    return [
        *_go_binaries(kubernetes, "k8s.io/kubernetes", {c: c for c in KUBERNETES_BINARIES}),
        *_go_binaries(
            containerd_product(release.containerd),
            "github.com/containerd/containerd/v2",
            {c: c for c in ("containerd", "containerd-shim-runc-v2", "ctr")},
        ),
        *_go_binaries(
            etcd_product(release.etcd),
            "go.etcd.io/etcd",
            {"etcdctl": "etcdctl", "etcdutl": "etcdutl"},
            CONTROL_PLANES,
        ),
        *_go_binaries(RUNC, "github.com/opencontainers/runc", {"runc": "runc"}),
        *_cni_plugins(),
        *_kubernetes_images(release, kubernetes),
        *_addon_images(release),
        *project_images(),
    ]


def _go_binaries(
    product: Product, module: str, programs: dict[str, str], nodes: tuple[str, ...] = ALL_NODES
) -> list[Item]:
    recipe = go_recipe(product)
    source = f"go module {module}@{product.version}"
    return [
        Item(name, "binary", f"bin/{name}", recipe, file, source, nodes, product.version)
        for name, file in programs.items()
    ]


def _cni_plugins() -> list[Item]:
    recipe = go_recipe(CNI)
    source = f"go module {_CNI_MODULE}@{CNI.version}"
    return [
        Item(name, "cni", f"cni/{name}", recipe, name, source, ALL_NODES, CNI.version)
        for name in CNI_PLUGINS
    ]


@dataclass(frozen=True)
class _ProgramImage:
    """An image with programs of one Go module."""

    product: Product
    module: str
    reference: str
    programs: dict[str, str]
    """Path in the image → program."""
    config: Config
    base: Recipe | None = None
    nodes: tuple[str, ...] = ALL_NODES

    def item(self, name: str | None = None) -> Item:
        recipe = go_recipe(self.product)
        image = Image(name or self.product.name, self.product.version, self.reference, self.config)
        programs = {path: (recipe, file) for path, file in self.programs.items()}
        source = f"go module {self.module}@{self.product.version}"
        packages = _FILTER_PACKAGES if self.base else ()
        return image_item(
            image, image_recipe(image, programs, self.base), source, self.nodes, packages
        )


def _kubernetes_images(release: Release, kubernetes: Product) -> list[Item]:
    items = []
    for name in KUBERNETES_IMAGES:
        proxy = name == "kube-proxy"
        image = _ProgramImage(
            kubernetes,
            "k8s.io/kubernetes",
            f"registry.k8s.io/{name}:{release.kubernetes}",
            {f"usr/local/bin/{name}": name},
            Config(entrypoint=[f"/usr/local/bin/{name}"]),
            base=net_layer() if proxy else None,
            nodes=ALL_NODES if proxy else CONTROL_PLANES,
        )
        items.append(image.item(name))
    pause = Image(
        "pause", release.pause_tag, f"registry.k8s.io/pause:{release.pause_tag}", PAUSE_CONFIG
    )
    source = f"build/pause/linux/pause.c of go module k8s.io/kubernetes@{release.kubernetes}"
    return [*items, image_item(pause, pause_image(pause, kubernetes), source)]


def _addon_images(release: Release) -> list[Item]:
    images = (
        _ProgramImage(
            etcd_product(release.etcd),
            "go.etcd.io/etcd",
            f"registry.k8s.io/etcd:{release.etcd_tag}",
            {
                "usr/local/bin/etcd": "server",
                "usr/local/bin/etcdctl": "etcdctl",
                "usr/local/bin/etcdutl": "etcdutl",
            },
            Config(cmd=["etcd"]),
            nodes=CONTROL_PLANES,
        ),
        _ProgramImage(
            coredns_product(release.coredns),
            "github.com/coredns/coredns",
            f"registry.k8s.io/coredns/coredns:{release.coredns_tag}",
            {"coredns": "coredns"},
            Config(entrypoint=["/coredns"]),
        ),
        _ProgramImage(
            FLANNEL,
            "github.com/flannel-io/flannel",
            f"ghcr.io/flannel-io/flannel:{releases.FLANNEL}",
            {"opt/bin/flanneld": "flannel"},
            Config(entrypoint=["/opt/bin/flanneld"]),
            base=net_layer(),
        ),
        _ProgramImage(
            METRICS_SERVER,
            "sigs.k8s.io/metrics-server",
            f"registry.k8s.io/metrics-server/metrics-server:{releases.METRICS_SERVER}",
            {"metrics-server": "metrics-server"},
            Config(entrypoint=["/metrics-server"], user="65534"),
        ),
        _ProgramImage(
            LOCAL_PATH,
            "github.com/rancher/local-path-provisioner",
            f"docker.io/rancher/local-path-provisioner:{releases.LOCAL_PATH_PROVISIONER}",
            {"usr/bin/local-path-provisioner": "local-path-provisioner"},
            Config(cmd=["local-path-provisioner"]),
        ),
    )
    return [image.item() for image in images]


def project_images() -> list[Item]:
    """Return the images that no registry has.

    The Python base and the sample application's two versions.
    """
    python = Image("python", "v1", "docker.io/kubedrill/python:v1", Config(cmd=["python3"]))
    hellos = [hello(version, f"docker.io/kubedrill/hello:{version}") for version in ("v1", "v2")]
    packages = tuple(PYTHON_PACKAGES)
    return [
        image_item(python, python_image(python), "", packages=packages),
        *(
            image_item(image, hello_image(image), "apps/sample/", packages=packages)
            for image in hellos
        ),
    ]


def image_item(
    image: Image,
    recipe: Recipe,
    source: str,
    nodes: tuple[str, ...] = ALL_NODES,
    packages: tuple[str, ...] = (),
) -> Item:
    """Return an image as a file of a bundle."""
    path = f"images/{image.name}.tar"
    return Item(
        image.name,
        "image",
        path,
        recipe,
        IMAGE,
        source,
        nodes,
        image.version,
        image.reference,
        packages,
    )


def packages_of(folder: Path) -> dict[str, str]:
    """Return the Debian packages in a part and their versions.

    None where it has no such packages.
    """
    path = folder / PACKAGES
    if not path.is_file():
        return {}
    versions: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))
    return versions
