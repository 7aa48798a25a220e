"""Pulls images with skopeo, which checks each blob's digest, and keeps them as OCI archives."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

from kubedrill.bundle.errors import BuildFailed, DownloadFailed
from kubedrill.bundle.oci import write_archive
from kubedrill.bundle.releases import ARCH

if TYPE_CHECKING:
    from pathlib import Path

    from kubedrill.bundle.processes import Processes


def pull(processes: Processes, reference: str, mirror: str, archive: Path) -> str:
    """Pull one image and write it as an archive that is imported under its own reference.

    Args:
        processes: what runs skopeo.
        reference: ``registry/name:tag``.
        mirror: base URL of a registry that holds it under ``<reference>``; empty for the registry
            of the reference.
        archive: the file to write.

    Returns:
        The digest of the image's manifest, ``sha256:…``.

    Raises:
        DownloadFailed: the registry does not answer, lacks the image or sent something that its
            digest denies.
    """
    folder = archive.with_suffix(".oci")
    try:
        processes.run(
            f"pulling {reference}",
            [*_copy(reference, mirror), f"oci:{folder}:image"],
        )
    except BuildFailed as error:
        raise DownloadFailed(
            f"{error}\nCheck the network and the reference, or build with `--source modules`."
        ) from error
    manifest: dict[str, Any] = json.loads((folder / "index.json").read_text(encoding="utf-8"))[
        "manifests"
    ][0]
    blobs = {
        f"sha256:{path.name}": path for path in sorted((folder / "blobs" / "sha256").iterdir())
    }
    _require_arch(reference, manifest, blobs)
    plain = {name: manifest[name] for name in ("mediaType", "digest", "size")}
    write_archive(archive, reference, plain, [], blobs)
    shutil.rmtree(folder)
    return str(manifest["digest"])


def _copy(reference: str, mirror: str) -> list[str]:
    base = mirror.split("://", 1)[-1].rstrip("/")
    plain = ["--src-tls-verify=false"] if mirror.startswith("http://") else []
    return [
        "skopeo",
        "copy",
        "--quiet",
        "--insecure-policy",
        "--override-os=linux",
        f"--override-arch={ARCH}",
        *plain,
        f"docker://{base}/{reference}" if base else f"docker://{reference}",
    ]


def _require_arch(reference: str, manifest: dict[str, Any], blobs: dict[str, Path]) -> None:
    config = json.loads(blobs[manifest["digest"]].read_text(encoding="utf-8"))["config"]["digest"]
    architecture = json.loads(blobs[config].read_text(encoding="utf-8")).get("architecture")
    if architecture != ARCH:
        raise DownloadFailed(
            f"{reference} is an image for {architecture}, expected {ARCH}: the registry lacks the "
            "right one"
        )
