"""The target's release bundle on this host: verified, and its own programs made runnable."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from kubedrill.base.errors import StepFailed
from kubedrill.bundle.errors import Corrupt
from kubedrill.bundle.manifest import verify
from kubedrill.bundle.releases import ARCH
from kubedrill.readiness.archives import take_out, unpacked_size
from kubedrill.readiness.model import BundleFacts, BundlePart

if TYPE_CHECKING:
    from kubedrill.readiness.model import Version

RUN_S = 30
"""Seconds for one run of a program that only prints; it takes 0.05 to 0.2 s on an idle machine."""

IN_IMAGES = ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "etcd")
"""Programs that the bundle has inside their images; the others are in bin/."""


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
    folder = Path(source).expanduser() / bundle_name(target)
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


def run_program(program: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a program of the bundle that only prints, with an empty environment.

    Raises:
        StepFailed: it cannot be run on this host, or does not end.
    """
    try:
        return subprocess.run(
            [str(program), *words],
            capture_output=True,
            text=True,
            timeout=RUN_S,
            check=False,
            env={"PATH": "/usr/bin:/bin"},
            cwd=program.parent,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise StepFailed(
            f"{program.name} of the target cannot be run on this host: {error}"
        ) from error


@dataclass(frozen=True)
class Programs:
    """The target's programs; those inside images are taken out into ``folder``."""

    bundle: Path
    folder: Path

    def path(self, name: str) -> Path:
        """Return a program that can be run.

        Raises:
            StepFailed: the bundle has none.
        """
        program = self.bundle / "bin" / name
        if name in IN_IMAGES:
            program, archive = self.folder / name, self.bundle / "images" / f"{name}.tar"
            if not program.exists() and not take_out(archive, name, program):
                raise StepFailed(f"{archive} has no program {name}")
        if not program.is_file():
            raise StepFailed(f"{program} is missing")
        return program
