"""The target's release bundle on this host: verified, and its own programs made runnable."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Self

from kubedrill.base.errors import StepFailed
from kubedrill.bundle.errors import Corrupt
from kubedrill.bundle.manifest import verify
from kubedrill.bundle.releases import ARCH
from kubedrill.readiness.archives import take_out, unpacked_size
from kubedrill.readiness.model import BundleFacts, BundlePart

if TYPE_CHECKING:
    from types import TracebackType

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
    return BundleFacts(str(folder), parts, (), _required_images(folder / "bin" / "kubeadm", target))


def _required_images(kubeadm: Path, target: Version) -> tuple[str, ...]:
    done = run_program(kubeadm, "config", "images", "list", "--kubernetes-version", str(target))
    if done.returncode != 0:
        raise StepFailed(
            f"{kubeadm} config images list ended with {done.returncode}: "
            f"{done.stderr.strip()[-200:]}"
        )
    return tuple(done.stdout.split())


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


class Programs:
    """The target's programs, taken out of the bundle into a temporary folder."""

    def __init__(self, bundle: Path) -> None:
        self._bundle = bundle
        self._folder = tempfile.TemporaryDirectory(prefix="kubedrill-target-")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._folder.cleanup()

    def path(self, name: str) -> Path:
        """Return a program that can be run.

        Raises:
            StepFailed: the bundle has none.
        """
        made = Path(self._folder.name) / name
        if made.exists():
            return made
        if name not in IN_IMAGES:
            program = self._bundle / "bin" / name
            if program.is_file():
                return program
            raise StepFailed(f"{program} is missing")
        archive = self._bundle / "images" / f"{name}.tar"
        if not take_out(archive, name, made):
            raise StepFailed(f"{archive} has no program {name}")
        return made
