"""A bundle's programs made runnable on this host: some are inside images.

Image archives are in OCI or Docker layout.
"""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import zstandard

from kubedrill.base.errors import StepFailed

if TYPE_CHECKING:
    from collections.abc import Iterator

_ZSTD, _GZIP = b"\x28\xb5\x2f\xfd", b"\x1f\x8b"
"""First bytes of compressed layers (RFC 8878, RFC 1952)."""

_HEADER = 18
"""Bytes: the longest header of a zstd frame, which holds the size of what is in it (RFC 8878,
section 3.1.1.1)."""

_RATIO = 4
"""What a compressed layer grows to where it does not say: Go programs take 3.0 to 3.9 times as much
(measured)."""

RUN_S = 30
"""Seconds for one run of a program that only prints; it takes 0.05 to 0.2 s on an idle machine."""

IN_IMAGES = ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "etcd")
"""Programs that the bundle has inside their images; the others are in bin/."""


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
            f"{program.name} of the bundle cannot be run on this host: {error}"
        ) from error


@dataclass(frozen=True)
class Programs:
    """A bundle's programs; those inside images are taken out into ``folder``."""

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


def take_out(archive: Path, name: str, to: Path) -> bool:
    """Copy the program ``name`` out of an image archive.

    Its layers may be plain, or compressed by gzip or zstd.

    Returns:
        Whether a layer had it below a folder named bin.

    Raises:
        StepFailed: the archive cannot be read.
    """
    with _errors(archive), tarfile.open(archive) as outer:
        for blob, _ in _blobs(outer):
            with contextlib.suppress(tarfile.ReadError), _open_layer(blob) as layer:
                if _copy_program(layer, name, to):
                    return True
    return False


def unpacked_size(archive: Path) -> int:
    """Bytes of all layers without compression: about their size in containerd's snapshots.

    Raises:
        StepFailed: the archive cannot be read.
    """
    with _errors(archive), tarfile.open(archive) as outer:
        return sum(_plain_size(blob, size) for blob, size in _blobs(outer))


@contextlib.contextmanager
def _errors(archive: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, tarfile.TarError, zstandard.ZstdError) as error:
        raise StepFailed(f"{archive} cannot be read: {error}") from error


def _blobs(outer: tarfile.TarFile) -> Iterator[tuple[Any, int]]:
    for member in outer:
        blob = outer.extractfile(member) if member.isfile() else None
        if blob is not None:
            yield blob, member.size


def _open_layer(blob: Any) -> tarfile.TarFile:
    start = blob.read(len(_ZSTD))
    blob.seek(0)
    if start == _ZSTD:
        return tarfile.open(fileobj=zstandard.ZstdDecompressor().stream_reader(blob), mode="r|")
    return tarfile.open(fileobj=blob)


def _plain_size(blob: Any, size: int) -> int:
    start = blob.read(_HEADER)
    if start.startswith(_ZSTD):
        declared = zstandard.frame_content_size(start)
        return declared if declared > 0 else size * _RATIO
    return size * _RATIO if start.startswith(_GZIP) else size


def _copy_program(layer: tarfile.TarFile, name: str, to: Path) -> bool:
    for member in layer:
        path = Path(member.name)
        if path.name == name and path.parent.name == "bin" and member.isfile():
            content = layer.extractfile(member)
            if content is None:
                return False
            with to.open("wb") as file:
                shutil.copyfileobj(content, file)
            to.chmod(0o700)
            return True
    return False
