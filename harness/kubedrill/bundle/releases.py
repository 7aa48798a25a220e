"""What a bundle is made of.

The supported Kubernetes releases and the version of every other part, in one place.

The image tags are those that ``kubeadm config images list`` prints for the release (constants.go of
cmd/kubeadm: DefaultEtcdVersion, CoreDNSVersion, PauseVersion): kubeadm asks for these names. What
is inside an image may be a newer patch release of the same program, and ``bundle.json`` says which.
"""

from __future__ import annotations

from dataclasses import dataclass

from kubedrill.bundle.errors import Unsupported

ARCH = "amd64"
DEBIAN_SUITE = "trixie"
PYTHON_SUITE = "bookworm"
"""Debian 12, for kubedrill's own image: its Python is 3.11, which the lock was made for and the
tests run on."""
DEBIAN_SUITES = (DEBIAN_SUITE, PYTHON_SUITE)

FLANNEL = "v0.28.4"
METRICS_SERVER = "v0.9.0"
LOCAL_PATH_PROVISIONER = "v0.0.30"
NATS_SERVER = "v2.15.2"
SKIPPER = "v0.27.41"
HELM = "v4.3.2"
# Of Debian's packages that carry it in their name.
POSTGRESQL = "17"
RUNC = "v1.3.3"
CNI_PLUGINS = "v1.8.0"
# An image of its registry only: no Go module.
NETWORK_POLICIES = "v1.1.2"

KUBERNETES_BINARIES = ("kubeadm", "kubelet", "kubectl")
KUBERNETES_IMAGES = ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kube-proxy")


@dataclass(frozen=True)
class Release:
    """One supported Kubernetes release, its programs, and the tags that its kubeadm asks for.

    Of etcd, CoreDNS and containerd releases that follow one another have versions that do, so that
    an upgrade between them upgrades these too.
    """

    kubernetes: str
    etcd_tag: str
    coredns_tag: str
    pause_tag: str
    etcd: str
    coredns: str
    containerd: str

    @property
    def minor(self) -> str:
        """The minor version, as in the name of its Go module.

        >>> Release("v1.35.4", *[""] * 6).minor
        '1.35'
        """
        return ".".join(self.kubernetes.removeprefix("v").split(".")[:2])

    @property
    def bundle_name(self) -> str:
        """The name of its folder under ``bundles/``."""
        return f"{self.kubernetes}-{ARCH}"


_BESIDE_1_35 = {"etcd": "v3.6.15", "coredns": "v1.14.6", "containerd": "v2.2.8"}
_BESIDE_1_36 = {"etcd": "v3.6.16", "coredns": "v1.14.7", "containerd": "v2.2.9"}
_BESIDE_1_37 = {"etcd": "v3.7.3", "coredns": "v1.15.0", "containerd": "v2.3.5"}

RELEASES = (
    Release("v1.34.4", "3.6.5-0", "v1.12.1", "3.10.1", **_BESIDE_1_35),
    Release("v1.35.4", "3.6.6-0", "v1.13.1", "3.10.1", **_BESIDE_1_35),
    Release("v1.36.1", "3.6.8-0", "v1.14.2", "3.10.2", **_BESIDE_1_36),
    Release("v1.36.3", "3.6.8-0", "v1.14.2", "3.10.2", **_BESIDE_1_36),
    Release("v1.37.2", "3.7.0-0", "v1.14.6", "3.10.2", **_BESIDE_1_37),
)
SUPPORTED = tuple(release.kubernetes.removeprefix("v") for release in RELEASES)
STANDARD = ("1.35.4", "1.36.3")
"""What is built where no version is named: what site.yml installs by default, and what that is
upgraded to."""


def find_release(version: str) -> Release:
    """Return the supported release of that version, written with or without its ``v``.

    >>> find_release("1.35.4").etcd_tag
    '3.6.6-0'

    Raises:
        Unsupported: there is no such release; names those that there are.
    """
    for release in RELEASES:
        if release.kubernetes == f"v{version.removeprefix('v')}":
            return release
    raise Unsupported(
        f"Kubernetes {version[:60]} has no bundle: the supported releases are "
        f"{', '.join(SUPPORTED)}. Use one of them."
    )
