"""What was read of a cluster, frozen, and what is found in it.

Everything that could not be read is an :class:`Answer` with an error: a rule that needs it says
*unknown*, never *fine*.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar

from ansible_collections.kubedrill.kubeadm.plugins.module_utils.versions import parse_version
from kubedrill.base.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from kubedrill.base.model import Node
    from kubedrill.cluster.etcd import Member
    from kubedrill.cluster.timers import LiveTimers

T = TypeVar("T")


class Severity(StrEnum):
    """How much a finding matters. ``UNKNOWN``: something that matters could not be found out."""

    BLOCKER = "blocker"
    UNKNOWN = "unknown"
    WARNING = "warning"
    INFO = "info"


@dataclass(frozen=True, slots=True)
class Issue:
    """What a rule reports: what is so, what was expected, what to do."""

    rule: str
    severity: Severity
    subject: str  # "node w1", "budget shop/web", "etcd"
    actual: str
    expected: str = ""
    action: str = ""


class Version(NamedTuple):
    """A release of Kubernetes or of containerd; pre-release and build parts are left out."""

    major: int
    minor: int
    patch: int

    @staticmethod
    def parse(text: str) -> Version:
        """Read a version, with or without ``v`` and build part.

        >>> Version.parse("v1.36.3+k3s1")
        Version(major=1, minor=36, patch=3)

        Raises:
            UsageError: it is none.
        """
        version = Version.read(text)
        if version is None:
            raise UsageError(f"{text!r} is not a version; expected one such as 1.36.3")
        return version

    @staticmethod
    def read(text: str) -> Version | None:
        """Read a version that somebody else wrote; None where it is none."""
        parts = parse_version(text.strip())
        return Version(*parts) if len(parts) == 3 else None

    def __str__(self) -> str:
        return f"v{self.major}.{self.minor}.{self.patch}"

    @property
    def short(self) -> str:
        """Major and minor: "1.36"."""
        return f"{self.major}.{self.minor}"


@dataclass(frozen=True, slots=True)
class Answer(Generic[T]):
    """What a question gave: a value or an error."""

    value: T | None = None
    error: str = ""

    @property
    def known(self) -> bool:
        """Whether there is a value."""
        return not self.error

    def get(self) -> T:
        """Return the value; a rule asks only for what it declared in its needs.

        Raises:
            LookupError: there is none.
        """
        if self.error or self.value is None:
            raise LookupError(self.error or "no value")
        return self.value


@dataclass(frozen=True, slots=True)
class Certificate:
    """One certificate of a file on a node."""

    path: str
    subject: str
    is_ca: bool
    not_before: datetime
    not_after: datetime


@dataclass(frozen=True, slots=True)
class Disk:
    """The filesystem that a path is on. Bytes; Two paths with one ``device`` share it."""

    device: int
    total: int
    available: int


@dataclass(frozen=True, slots=True)
class HostFacts:
    """What a node says over SSH."""

    certificates: tuple[Certificate, ...]
    unreadable: tuple[str, ...]  # files that were there and held no certificate that could be read
    disks: dict[str, Disk]  # by path: containerd's root, the bundles' folder, the programs' folder
    images: (
        frozenset[str] | None
    )  # references that containerd has, as it writes them; None: it did not say
    kubelet_args: tuple[str, ...]  # the running kubelet's command line
    kubeadm: str
    cgroup: int  # 1 or 2
    has_bundle: bool  # the target's bundle is on the node already


@dataclass(frozen=True, slots=True)
class DeprecatedApi:
    """A deprecated API that an API server was asked for since it started."""

    group: str
    version: str
    resource: str
    removed_release: str  # "1.32"; "" when it is deprecated without a date
    requests: dict[str, int] = field(default_factory=dict, hash=False)  # by verb

    @property
    def group_version(self) -> str:
        """As objects write it: "flowcontrol.apiserver.k8s.io/v1beta3", "v1" for the core group."""
        return f"{self.group}/{self.version}" if self.group else self.version


@dataclass(frozen=True, slots=True)
class ApiServer:
    """What one API server says of itself, asked at its own address."""

    version: str
    deprecated: tuple[DeprecatedApi, ...]


@dataclass(frozen=True, slots=True)
class ApiUse:
    """A stored object that was written through another API version than the preferred one."""

    group_version: str
    resource: str
    name: str  # "namespace/name" or "name"
    manager: str  # of managedFields, or "last-applied-configuration"
    time: str = ""


@dataclass(frozen=True, slots=True)
class EtcdFacts:
    """One etcd member: what the harness reads everywhere, and its sizes in bytes (``quota`` 0.

    Etcd does not say).
    """

    member: Member
    in_use: int
    quota: int


@dataclass(frozen=True, slots=True)
class BundlePart:
    """A part of the target's bundle; ``image`` is the reference that an image is imported as.

    Sizes in bytes.
    """

    name: str
    kind: str
    size: int
    nodes: tuple[str, ...]
    image: str = ""
    unpacked: int = 0  # of an image: its layers without compression


@dataclass(frozen=True, slots=True)
class BundleFacts:
    """The target's bundle on this host, verified: every file was compared with its checksum."""

    path: str
    parts: tuple[BundlePart, ...]
    faults: tuple[str, ...]  # files that are missing, changed or unknown; the bundle does not exist
    required_images: tuple[str, ...]  # what the bundle's own kubeadm asks for


@dataclass(frozen=True, slots=True)
class Trial:
    """One flag or feature gate, given to the target's own program."""

    component: str
    nodes: tuple[str, ...]
    flag: str  # "--name" or "feature gate Name"
    accepted: bool
    output: str
    # it comes from kubeadm's configuration or from the node, so that the upgrade carries it over
    carried_over: bool


@dataclass(frozen=True, slots=True)
class EtcdSnapshot:
    """The newest etcd snapshot on this host.

    ``path`` names the folder and ``taken`` is None when there is none.
    """

    path: str
    taken: datetime | None


@dataclass(frozen=True, slots=True)
class Backups:
    """When the newest backup on this host was taken, and the newest that was proven.

    ``path`` names the folder; None where there is none.
    """

    path: str
    taken: datetime | None
    proven: datetime | None


def known(answers: Mapping[str, Answer[T]]) -> dict[str, T]:
    """Return the values of those that answered, by name."""
    return {name: answer.get() for name, answer in answers.items() if answer.known}


Objects = Answer[tuple[Any, ...]]


@dataclass(frozen=True)
class Snapshot:
    """A cluster as it stood at ``taken``.

    The objects are the Kubernetes Python client's own (V1Node, V1Pod, …).
    """

    cluster: str
    inventory: str
    target: Version
    taken: datetime
    machines: tuple[Node, ...]  # of the inventory
    nodes: Objects
    pods: Objects
    budgets: Objects
    volumes: Objects
    claims: Objects
    workloads: Objects  # Deployments, StatefulSets
    api_servers: dict[str, Answer[ApiServer]]
    uses: Answer[tuple[ApiUse, ...]]
    hosts: dict[str, Answer[HostFacts]]
    etcd: dict[str, Answer[EtcdFacts]]
    kubelets: dict[str, Answer[dict[str, Any]]]  # the kubelet's configz
    bundle: Answer[BundleFacts]
    trials: Answer[tuple[Trial, ...]]
    etcd_snapshot: Answer[EtcdSnapshot]
    backups: Answer[Backups]
    timers: Answer[LiveTimers]
    missing_programs: tuple[str, ...] = ()  # of the target, which could not be run

    @property
    def control_planes(self) -> tuple[Node, ...]:
        """The inventory's control planes."""
        return tuple(node for node in self.machines if node.is_control_plane)
