"""Source `modules`: every part from locked upstream Go modules, from Debian packages and from this checkout."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from bundle import releases
from bundle.debian import bootstrap, package_versions, show_hook
from bundle.golang import Product, go_recipe, kubernetes_product
from bundle.images import (
    IMAGE,
    PACKAGES,
    PYTHON_PACKAGES,
    hello_image,
    image_recipe,
    net_layer,
    pause_image,
    python_image,
)
from bundle.oci import Config
from bundle.recipes import Item, Kitchen, Recipe
from bundle.releases import KUBERNETES_BINARIES, KUBERNETES_IMAGES, Release

ALL_NODES = ("control_plane", "worker")
CONTROL_PLANES = ("control_plane",)
# Raised when the way the Debian files are taken changes.
_RECIPE = 1

ETCD = Product(
    "etcd",
    releases.ETCD,
    ("go.etcd.io/etcd/server/v3", "go.etcd.io/etcd/etcdctl/v3", "go.etcd.io/etcd/etcdutl/v3"),
)
COREDNS = Product("coredns", releases.COREDNS, ("github.com/coredns/coredns",))
CONTAINERD = Product(
    "containerd",
    releases.CONTAINERD,
    tuple(f"github.com/containerd/containerd/v2/cmd/{c}" for c in ("containerd", "containerd-shim-runc-v2", "ctr")),
    tags=("no_btrfs", "no_zfs", "no_devmapper"),  # they need C libraries; Kubernetes nodes use overlayfs
    stamps=(f"github.com/containerd/containerd/v2/version.Version={releases.CONTAINERD}",),
)
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
_DEBIAN_PROGRAMS = ["runc", "containernetworking-plugins"]
CNI_PLUGINS = (
    *("bandwidth", "bridge", "dhcp", "firewall", "host-device", "host-local", "ipvlan", "loopback", "macvlan"),
    *("portmap", "ptp", "sbr", "static", "tuning", "vlan", "vrf"),
)


def modules_items(release: Release) -> list[Item]:
    """Return all files of a release's bundle, with the recipes that make them."""
    commands = (*KUBERNETES_BINARIES, *KUBERNETES_IMAGES)
    kubernetes = kubernetes_product(release.kubernetes, release.minor, commands)
    return [
        *_go_binaries(kubernetes, "k8s.io/kubernetes", {c: c for c in KUBERNETES_BINARIES}),
        *_go_binaries(
            CONTAINERD,
            "github.com/containerd/containerd/v2",
            {c: c for c in ("containerd", "containerd-shim-runc-v2", "ctr")},
        ),
        *_go_binaries(ETCD, "go.etcd.io/etcd", {"etcdctl": "etcdctl", "etcdutl": "etcdutl"}, CONTROL_PLANES),
        *_debian_programs(),
        *_kubernetes_images(release, kubernetes),
        *_addon_images(release),
        *own_images(),
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


def _debian_programs() -> list[Item]:
    recipe = Recipe(
        "debian-programs", releases.DEBIAN_SUITE, "fetch", {"recipe": _RECIPE, "packages": _DEBIAN_PROGRAMS}, _unpack
    )
    runc = Item("runc", "binary", "bin/runc", recipe, "runc", "", ALL_NODES, packages=("runc",))
    plugins = [
        Item(name, "cni", f"cni/{name}", recipe, f"cni/{name}", "", ALL_NODES, packages=("containernetworking-plugins",))
        for name in CNI_PLUGINS
    ]
    return [runc, *plugins]


def _unpack(kitchen: Kitchen) -> None:
    root, shown = kitchen.out / "root", kitchen.out / "shown"
    hook = show_hook(_DEBIAN_PROGRAMS, shown)
    bootstrap(kitchen.processes, root, _DEBIAN_PROGRAMS, variant="extract", options=[hook])
    shutil.copy2(root / "usr/sbin/runc", kitchen.out / "runc")
    (kitchen.out / "cni").mkdir()
    for name in CNI_PLUGINS:
        shutil.copy2(root / "usr/lib/cni" / name, kitchen.out / "cni" / name)
    versions = package_versions(shown.read_text(encoding="utf-8"))
    (kitchen.out / PACKAGES).write_text(json.dumps(versions, indent=1), encoding="utf-8")
    shutil.rmtree(root)
    shown.unlink()


def _kubernetes_images(release: Release, kubernetes: Product) -> list[Item]:
    recipe = go_recipe(kubernetes)
    source = f"go module k8s.io/kubernetes@{release.kubernetes}"
    items = []
    for name in KUBERNETES_IMAGES:
        reference = f"registry.k8s.io/{name}:{release.kubernetes}"
        image = image_recipe(
            name,
            release.kubernetes,
            reference,
            Config(entrypoint=[f"/usr/local/bin/{name}"]),
            programs={f"usr/local/bin/{name}": (recipe, name)},
            base=net_layer() if name == "kube-proxy" else None,
        )
        nodes = ALL_NODES if name == "kube-proxy" else CONTROL_PLANES
        packages = ("nftables", "iptables", "conntrack") if name == "kube-proxy" else ()
        items.append(_image_item(name, image, release.kubernetes, reference, source, nodes, packages))
    reference = f"registry.k8s.io/pause:{release.pause_tag}"
    pause = pause_image(kubernetes, release.pause_tag, reference)
    source = f"build/pause/linux/pause.c of {source}"
    return [*items, _image_item("pause", pause, release.pause_tag, reference, source, ALL_NODES)]


def _addon_images(release: Release) -> list[Item]:
    return [
        _program_image(
            ETCD,
            f"registry.k8s.io/etcd:{release.etcd_tag}",
            "go.etcd.io/etcd",
            {"usr/local/bin/etcd": "server", "usr/local/bin/etcdctl": "etcdctl", "usr/local/bin/etcdutl": "etcdutl"},
            Config(cmd=["etcd"]),
            nodes=CONTROL_PLANES,
        ),
        _program_image(
            COREDNS,
            f"registry.k8s.io/coredns/coredns:{release.coredns_tag}",
            "github.com/coredns/coredns",
            {"coredns": "coredns"},
            Config(entrypoint=["/coredns"]),
        ),
        _program_image(
            FLANNEL,
            f"ghcr.io/flannel-io/flannel:{releases.FLANNEL}",
            "github.com/flannel-io/flannel",
            {"opt/bin/flanneld": "flannel"},
            Config(entrypoint=["/opt/bin/flanneld"]),
            base=net_layer(),
        ),
        _program_image(
            METRICS_SERVER,
            f"registry.k8s.io/metrics-server/metrics-server:{releases.METRICS_SERVER}",
            "sigs.k8s.io/metrics-server",
            {"metrics-server": "metrics-server"},
            Config(entrypoint=["/metrics-server"], user="65534"),
        ),
        _program_image(
            LOCAL_PATH,
            f"docker.io/rancher/local-path-provisioner:{releases.LOCAL_PATH_PROVISIONER}",
            "github.com/rancher/local-path-provisioner",
            {"usr/bin/local-path-provisioner": "local-path-provisioner"},
            Config(cmd=["local-path-provisioner"]),
        ),
    ]


def _program_image(
    product: Product,
    reference: str,
    module: str,
    programs: dict[str, str],
    config: Config,
    *,
    base: Recipe | None = None,
    nodes: tuple[str, ...] = ALL_NODES,
) -> Item:
    recipe = go_recipe(product)
    image = image_recipe(
        product.name,
        product.version,
        reference,
        config,
        programs={path: (recipe, file) for path, file in programs.items()},
        base=base,
    )
    packages = ("nftables", "iptables", "conntrack") if base else ()
    source = f"go module {module}@{product.version}"
    return _image_item(product.name, image, product.version, reference, source, nodes, packages)


def own_images() -> list[Item]:
    """Return the images that no registry has: the Python base and the sample application's two versions."""
    python = "docker.io/kubedrill/python:v1"
    items = [_image_item("python", python_image(python), "v1", python, "", ALL_NODES, tuple(PYTHON_PACKAGES))]
    for version in ("v1", "v2"):
        reference = f"docker.io/kubedrill/hello:{version}"
        image = hello_image(version, reference)
        items.append(
            _image_item(
                f"hello-{version}", image, version, reference, "sample-app/", ALL_NODES, tuple(PYTHON_PACKAGES)
            )
        )
    return items


def _image_item(
    name: str,
    recipe: Recipe,
    version: str,
    reference: str,
    source: str,
    nodes: tuple[str, ...],
    packages: tuple[str, ...] = (),
) -> Item:
    return Item(name, "image", f"images/{name}.tar", recipe, IMAGE, source, nodes, version, reference, packages)


def packages_of(folder: Path) -> dict[str, str]:
    """Return the Debian packages in a part and their versions; none where it has no such packages."""
    path = folder / PACKAGES
    if not path.is_file():
        return {}
    versions: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))
    return versions
