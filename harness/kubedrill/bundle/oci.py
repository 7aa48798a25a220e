"""Writes images as OCI archives for ``ctr -n k8s.io images import``, the same bytes each time.

An image is layers (tar archives, made here file by file or from a Debian root) and a configuration.
Layers are packed with zstd: a node writes each to its disk before it unpacks it, and the disk is
what an installation waits for. Archives carry containerd's annotation ``io.containerd.image.name``,
so that an import gives the image its whole reference.
"""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Self

import zstandard

from kubedrill.base.files import sha256_of
from kubedrill.bundle.releases import ARCH

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_CHUNK = 1 << 20
_LAYER = "application/vnd.oci.image.layer.v1.tar+zstd"
_LEVEL = 3
"""zstd's default: programs shrink to 28 %, at 250 MB/s on one core; level 6 wins 2 points more at
40 % of the speed."""
_CONFIG = "application/vnd.oci.image.config.v1+json"
_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_INDEX = "application/vnd.oci.image.index.v1+json"


@dataclass(frozen=True)
class Config:
    """How an image's program is started."""

    entrypoint: Sequence[str] = ()
    cmd: Sequence[str] = ()
    env: Sequence[str] = (PATH,)
    user: str = ""
    workdir: str = "/"
    labels: Mapping[str, str] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Return the OCI form, without what is empty."""
        whole = {
            "Entrypoint": list(self.entrypoint),
            "Cmd": list(self.cmd),
            "Env": list(self.env),
            "User": self.user,
            "WorkingDir": self.workdir,
            "Labels": dict(self.labels),
        }
        return {name: value for name, value in whole.items() if value}


class LayerWriter:
    """Writes one layer: owner root, no times, so that equal content gives an equal digest."""

    def __init__(self, path: Path) -> None:
        self._tar = tarfile.open(path, "w", format=tarfile.PAX_FORMAT)  # noqa: SIM115  closed by __exit__
        self._folders: set[str] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._tar.close()

    def folder(self, name: str, mode: int = 0o755) -> None:
        """Add a folder and those above it, each once."""
        if name in self._folders or name in ("", "."):
            return
        self.folder(str(Path(name).parent))
        info = tarfile.TarInfo(name)
        info.type, info.mode = tarfile.DIRTYPE, mode
        self._tar.addfile(info)
        self._folders.add(name)

    def file(self, name: str, source: Path, mode: int) -> None:
        """Add a file of the build machine under a name without leading slash."""
        self.folder(str(Path(name).parent))
        info = tarfile.TarInfo(name)
        info.size, info.mode = source.stat().st_size, mode
        with source.open("rb") as content:
            self._tar.addfile(info, content)

    def text(self, name: str, content: str, mode: int = 0o644) -> None:
        """Add a small file."""
        self.folder(str(Path(name).parent))
        info = tarfile.TarInfo(name)
        info.size, info.mode = len(content.encode()), mode
        self._tar.addfile(info, io.BytesIO(content.encode()))

    def root(self, archive: Path, leave_out: Sequence[str]) -> None:
        """Add a root file system's archive without device nodes and what is below ``leave_out``."""
        with tarfile.open(archive) as tar:
            for member in tar:
                member.name = member.name.removeprefix("./")
                dropped = any(member.name.startswith(f"{d}/") for d in leave_out)
                if dropped or member.ischr() or member.isblk() or member.name in ("", "."):
                    continue
                member.mtime, member.uname, member.gname, member.pax_headers = 0, "", "", {}
                if member.islnk():
                    member.linkname = member.linkname.removeprefix("./")
                content = tar.extractfile(member) if member.isreg() else None
                self._tar.addfile(
                    member,
                    _of_no_time(content) if content and member.name.endswith(".pyc") else content,
                )


def _of_no_time(bytecode: IO[bytes]) -> IO[bytes]:
    """Let compiled Python name the time that its source has in a layer, which is 0.

    With another one (bytes 8 to 12, where flags in 4 to 8 say that it counts: PEP 552) each start
    of a program would compile every module again, and keep none, because the file system is
    read-only.
    """
    data = bytearray(bytecode.read())
    if data[4:8] == bytes(4):
        data[8:12] = bytes(4)
    return io.BytesIO(data)


def write_image(archive: Path, reference: str, layers: Sequence[Path], config: Config) -> None:
    """Write one image as an OCI archive.

    Args:
        archive: the file to write.
        reference: the whole name that it is imported as, registry and tag included.
        layers: tar archives, lowest first.
        config: how its program is started.
    """
    configuration = _json(
        {
            "architecture": ARCH,
            "os": "linux",
            "config": config.as_json(),
            "rootfs": {
                "type": "layers",
                "diff_ids": [f"sha256:{sha256_of(layer)}" for layer in layers],
            },
        }
    )
    with tempfile.TemporaryDirectory(dir=archive.parent, prefix="layers-") as folder:
        packed = [_packed(layer, Path(folder, str(number))) for number, layer in enumerate(layers)]
        digests = [f"sha256:{sha256_of(layer)}" for layer in packed]
        manifest = _json(
            {
                "schemaVersion": 2,
                "mediaType": _MANIFEST,
                "config": _described(configuration, _CONFIG),
                "layers": [
                    {"mediaType": _LAYER, "digest": digest, "size": layer.stat().st_size}
                    for digest, layer in zip(digests, packed, strict=True)
                ],
            }
        )
        blobs = dict(zip(digests, packed, strict=True))
        write_archive(
            archive, reference, _described(manifest, _MANIFEST), [configuration, manifest], blobs
        )


def write_archive(
    archive: Path,
    reference: str,
    manifest: dict[str, Any],
    small: Iterable[bytes],
    blobs: Mapping[str, Path],
) -> None:
    """Write an OCI archive of blobs that are there already.

    ``manifest`` is the descriptor of the image's manifest.
    """
    named = {
        **manifest,
        "annotations": {
            "io.containerd.image.name": reference,
            "org.opencontainers.image.ref.name": reference,
        },
    }
    index = {"schemaVersion": 2, "mediaType": _INDEX, "manifests": [named]}
    with LayerWriter(archive) as out:
        out.text("oci-layout", json.dumps({"imageLayoutVersion": "1.0.0"}))
        out.text("index.json", _json(index).decode())
        for content in small:
            out.text(f"blobs/sha256/{hashlib.sha256(content).hexdigest()}", content.decode())
        for digest, path in blobs.items():
            out.file(f"blobs/{digest.replace(':', '/')}", path, 0o644)


def _json(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def _described(content: bytes, media_type: str) -> dict[str, Any]:
    return {
        "mediaType": media_type,
        "digest": f"sha256:{hashlib.sha256(content).hexdigest()}",
        "size": len(content),
    }


def _packed(layer: Path, packed: Path) -> Path:
    """Compress a layer; equal bytes and an equal library give equal bytes."""
    with layer.open("rb") as source, packed.open("wb") as target:
        zstandard.ZstdCompressor(level=_LEVEL).copy_stream(
            source, target, size=layer.stat().st_size
        )
    return packed
