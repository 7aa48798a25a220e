"""The target's release bundle on this host, verified."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kubedrill.base.errors import StepFailed
from kubedrill.base.home import expand_home
from kubedrill.bundle.errors import Corrupt
from kubedrill.bundle.manifest import verify
from kubedrill.bundle.programs import run_program, unpacked_size
from kubedrill.bundle.releases import ARCH
from kubedrill.readiness.model import BundleFacts, BundlePart

if TYPE_CHECKING:
    from kubedrill.readiness.model import Version


def bundle_name(target: Version) -> str:
    """Return the name of the target's bundle: "v1.36.3-amd64"."""
    return f"{target}-{ARCH}"


def read_bundle(source: str, target: Version) -> BundleFacts:
    """Verify the bundle below ``source`` (cluster_bundles_source): every file, a few seconds.

    Raises:
        StepFailed: the inventory does not say where bundles are.
    """
    if not source:
        raise StepFailed(
            "the inventory does not set cluster_bundles_source: there is no bundle to check"
        )
    folder = expand_home(source, "cluster_bundles_source") / bundle_name(target)
    try:
        manifest = verify(folder)
    except Corrupt as error:
        return BundleFacts(str(folder), (), tuple(error.faults), ())
    except OSError as error:
        raise StepFailed(f"{folder} cannot be read: {error}") from error
    parts = tuple(
        BundlePart(
            part.name,
            part.kind,
            part.size,
            part.nodes,
            part.image or "",
            unpacked_size(folder / part.path) if part.kind == "image" else 0,
        )
        for part in manifest.parts
    )
    kubeadm = folder / "bin" / "kubeadm"
    done = run_program(kubeadm, "config", "images", "list", "--kubernetes-version", str(target))
    if done.returncode != 0:
        raise StepFailed(
            f"{kubeadm} config images list ended with {done.returncode}: "
            f"{done.stderr.strip()[-200:]}"
        )
    return BundleFacts(str(folder), parts, (), tuple(done.stdout.split()))
