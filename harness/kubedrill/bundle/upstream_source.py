"""Source `upstream`: the projects' published release binaries and images, checksums verified.

What no project publishes (the Python base, the sample application) is made as source `modules`
makes it.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kubedrill.bundle import releases
from kubedrill.bundle.download import answers, checksum_for, fetch_file, fetch_text, unpack
from kubedrill.bundle.errors import Unsupported
from kubedrill.bundle.images import IMAGE, Image
from kubedrill.bundle.modules_source import (
    ALL_NODES,
    CNI_PLUGINS,
    CONTROL_PLANES,
    image_item,
    project_images,
)
from kubedrill.bundle.oci import Config
from kubedrill.bundle.recipes import BuildContext, Item, Kind, Recipe
from kubedrill.bundle.registry import pull
from kubedrill.bundle.releases import ARCH, KUBERNETES_BINARIES, KUBERNETES_IMAGES, Release

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kubedrill.bundle.progress import BuildProgress

SOURCES = ("auto", "modules", "upstream")
# Raised when what this file does with a download changes.
_RECIPE = 1


@dataclass(frozen=True)
class Upstream:
    """Where published releases are had; mirrors with the same layout may stand in."""

    kubernetes: str = "https://dl.k8s.io/release"
    """Holds ``<version>/bin/linux/<arch>/<program>`` and ``<program>.sha256``."""
    projects: str = "https://github.com"
    """Holds ``<owner>/<project>/releases/download/<version>/<file>``."""
    registry: str = ""
    """A registry that holds ``<registry>/<name>:<tag>`` of all others; empty: each image's own
    registry."""

    @classmethod
    def from_environment(cls) -> Upstream:
        """Read ``KUBEDRILL_UPSTREAM_KUBERNETES``, ``…_PROJECTS`` and ``…_REGISTRY``.

        Empty ones count as not set.
        """
        values = {
            n: os.environ.get(f"KUBEDRILL_UPSTREAM_{n.upper()}", "")
            for n in ("kubernetes", "projects", "registry")
        }
        return cls(**{name: value.rstrip("/") for name, value in values.items() if value})

    def release_url(self, project: str, version: str, file: str) -> str:
        """Return the address of a file of a project's release."""
        return f"{self.projects}/{project}/releases/download/{version}/{file}"


def answering(upstream: Upstream, needed: Sequence[Release]) -> bool:
    """Whether all that source `upstream` needs answers within a few seconds."""
    registry = upstream.registry or "https://registry.k8s.io"
    probes = [
        *(
            f"{upstream.kubernetes}/{release.kubernetes}/bin/linux/{ARCH}/kubectl.sha256"
            for release in needed
        ),
        *(
            upstream.release_url(
                "containerd/containerd", version, f"{_containerd_file(version)}.sha256sum"
            )
            for version in sorted({release.containerd for release in needed})
        ),
        f"{registry}/v2/",
    ]
    return all(answers(url) for url in probes)


def choose_source(
    source: str, upstream: Upstream, needed: Sequence[Release], progress: BuildProgress
) -> str:
    """Turn ``auto`` into ``upstream`` or ``modules``.

    Raises:
        Unsupported: no such source.
    """
    if source not in SOURCES:
        raise Unsupported(f"there is no source {source!r}: use {', '.join(SOURCES)}")
    if source != "auto":
        return source
    taken = "upstream" if answering(upstream, needed) else "modules"
    reason = "answer" if taken == "upstream" else "do not answer"
    progress.message(f"the published releases {reason}: source {taken}")
    return taken


def upstream_items(release: Release, upstream: Upstream) -> list[Item]:
    """Return all files of a release's bundle, with the recipes that download them."""
    return [
        *(_kubernetes_binary(name, release, upstream) for name in KUBERNETES_BINARIES),
        *_project_binaries(release, upstream),
        *_images(release, upstream),
        *project_images(),
    ]


def _kubernetes_binary(name: str, release: Release, upstream: Upstream) -> Item:
    url = f"{upstream.kubernetes}/{release.kubernetes}/bin/linux/{ARCH}/{name}"
    recipe = _download(name, release.kubernetes, url, f"{url}.sha256", ())
    return Item(name, "binary", f"bin/{name}", recipe, name, url, ALL_NODES, release.kubernetes)


def _containerd_file(version: str) -> str:
    return f"containerd-{version.removeprefix('v')}-linux-{ARCH}.tar.gz"


@dataclass(frozen=True)
class _Published:
    """One file of a project's release, and the programs in it."""

    project: str
    version: str
    file: str
    sums: str
    """The file that has its checksum."""
    names: tuple[str, ...]
    kind: Kind = "binary"
    nodes: tuple[str, ...] = ALL_NODES

    def items(self, upstream: Upstream) -> list[Item]:
        url = upstream.release_url(self.project, self.version, self.file)
        sums = upstream.release_url(self.project, self.version, self.sums)
        packed = self.file.endswith(("tar.gz", "tgz"))
        name = self.project.split("/")[1]
        recipe = _download(name, self.version, url, sums, self.names if packed else ())
        folder = "cni" if self.kind == "cni" else "bin"
        return [
            Item(
                n,
                self.kind,
                f"{folder}/{n}",
                recipe,
                n if packed else self.file,
                url,
                self.nodes,
                self.version,
            )
            for n in self.names
        ]


def _project_binaries(release: Release, upstream: Upstream) -> list[Item]:
    archive = _containerd_file(release.containerd)
    cni = f"cni-plugins-linux-{ARCH}-{releases.CNI_PLUGINS}.tgz"
    etcd = f"etcd-{release.etcd}-linux-{ARCH}.tar.gz"
    programs = ("containerd", "containerd-shim-runc-v2", "ctr")
    tools = ("etcdctl", "etcdutl")
    published = (
        _Published(
            "containerd/containerd", release.containerd, archive, f"{archive}.sha256sum", programs
        ),
        _Published(
            "opencontainers/runc", releases.RUNC, f"runc.{ARCH}", "runc.sha256sum", ("runc",)
        ),
        _Published(
            "containernetworking/plugins",
            releases.CNI_PLUGINS,
            cni,
            f"{cni}.sha256",
            CNI_PLUGINS,
            "cni",
        ),
        _Published("etcd-io/etcd", release.etcd, etcd, "SHA256SUMS", tools, nodes=CONTROL_PLANES),
    )
    return [item for project in published for item in project.items(upstream)]


def _images(release: Release, upstream: Upstream) -> list[Item]:
    plain = {name: f"registry.k8s.io/{name}:{release.kubernetes}" for name in KUBERNETES_IMAGES}
    references = {
        **plain,
        "pause": f"registry.k8s.io/pause:{release.pause_tag}",
        "etcd": f"registry.k8s.io/etcd:{release.etcd_tag}",
        "coredns": f"registry.k8s.io/coredns/coredns:{release.coredns_tag}",
        "flannel": f"ghcr.io/flannel-io/flannel:{releases.FLANNEL}",
        "metrics-server": (
            f"registry.k8s.io/metrics-server/metrics-server:{releases.METRICS_SERVER}"
        ),
        "local-path-provisioner": (
            f"docker.io/rancher/local-path-provisioner:{releases.LOCAL_PATH_PROVISIONER}"
        ),
        "kube-network-policies": (
            f"registry.k8s.io/networking/kube-network-policies:{releases.NETWORK_POLICIES}"
        ),
    }
    return [_image(name, reference, upstream) for name, reference in references.items()]


def _image(name: str, reference: str, upstream: Upstream) -> Item:
    def make(context: BuildContext) -> None:
        pull(context.processes, reference, upstream.registry, context.out / IMAGE)

    tag = reference.rsplit(":", 1)[1]
    recipe = Recipe(
        f"pulled-{name}", tag, "download", {"recipe": _RECIPE, "reference": reference}, make
    )
    nodes = CONTROL_PLANES if name in (*KUBERNETES_IMAGES[:3], "etcd") else ALL_NODES
    return image_item(Image(name, tag, reference, Config()), recipe, f"image {reference}", nodes)


def _download(name: str, version: str, url: str, sums_url: str, unpacked: Sequence[str]) -> Recipe:
    """Return the recipe of a published file or, with ``unpacked``, of these files in an archive."""
    file = url.rsplit("/", 1)[1]

    def make(context: BuildContext) -> None:
        def note(text: str, share: float) -> None:
            context.processes.check(url)
            context.note(text, share)

        expected = checksum_for(fetch_text(sums_url), file, sums_url)
        target = context.out / file
        fetch_file(url, target, expected, note)
        if unpacked:
            unpack(target, unpacked, context.out)
            target.unlink()

    inputs = {"recipe": _RECIPE, "file": file, "unpacked": list(unpacked)}
    return Recipe(f"published-{name}", version, "download", inputs, make)
