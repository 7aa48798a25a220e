"""Every error that the bundle builder raises on purpose.

::

    KubedrillError
    └── BundleError         2
        ├── Unsupported     2   no such Kubernetes release, architecture or source
        ├── MissingTools    2   programs or disk space that the build needs, and what installs them
        ├── Corrupt         2   a bundle or a part differs from its manifest; lists every fault
        ├── BuildFailed     1   a compiler, mmdebstrap or skopeo refused; has its last words
        └── DownloadFailed  1   unreachable, truncated, or with another checksum than published

Nothing half-made is left behind by any of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kubedrill.base.errors import KubedrillError

if TYPE_CHECKING:
    from collections.abc import Iterable


class BundleError(KubedrillError):
    """Base of all errors of this package."""

    exit_code = 2


class Unsupported(BundleError):
    """Something was asked for that this version of kubedrill cannot make."""


class MissingTools(BundleError):
    """The host lacks something that the build needs; found before anything was built."""

    def __init__(self, missing: Iterable[str]) -> None:
        self.missing = list(missing)
        super().__init__(
            "the bundle cannot be built here:\n" + "\n".join(f"  - {line}" for line in self.missing)
        )


class Corrupt(BundleError):
    """A bundle on disk is not what its bundle.json says.

    >>> print(Corrupt("/c/bundles/v1", ["bin/kubeadm: missing"], "Build it again."))
    /c/bundles/v1 has 1 fault:
      - bin/kubeadm: missing
    Build it again.
    """

    def __init__(self, where: str, faults: Iterable[str], remedy: str) -> None:
        self.where, self.faults = where, list(faults)
        count = f"{len(self.faults)} fault{'' if len(self.faults) == 1 else 's'}"
        super().__init__(
            "\n".join([f"{where} has {count}:", *(f"  - {f}" for f in self.faults), remedy])
        )


class BuildFailed(BundleError):
    """A program that builds a part ended with an error."""

    exit_code = 1


class DownloadFailed(BundleError):
    """A download could not be had, was cut short, or is not what its publisher's checksum says."""

    exit_code = 1
