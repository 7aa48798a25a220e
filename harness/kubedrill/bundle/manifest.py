"""bundle.json: what is in a bundle, and the check of a bundle against it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from kubedrill.base.strict_json import load_json
from kubedrill.bundle.checksums import sha256_of
from kubedrill.bundle.errors import Corrupt
from kubedrill.bundle.releases import ARCH, SUPPORTED

SCHEMA = 1
MANIFEST = "bundle.json"
_KINDS = ("binary", "cni", "image")
_OPTIONS = ("orders", "kubedrill", "tools")
"""Bundles that are no releases, by the options of `bundle build` that make them."""


@dataclass(frozen=True)
class Part:
    """One file of a bundle."""

    name: str
    version: str
    kind: str
    path: str
    source: str
    size: int
    """Bytes."""
    sha256: str
    nodes: tuple[str, ...]
    image: str | None = None
    """Images only: the reference that it is imported as."""


@dataclass(frozen=True)
class Manifest:
    """All of bundle.json."""

    kubernetes: str
    arch: str
    source: str
    key: str
    parts: tuple[Part, ...]

    def write(self, folder: Path) -> None:
        """Write bundle.json into a bundle's folder."""
        parts = [
            {name: value for name, value in asdict(part).items() if value is not None}
            for part in self.parts
        ]
        whole = {"schema": SCHEMA, **asdict(self), "parts": parts}
        (folder / MANIFEST).write_text(json.dumps(whole, indent=1) + "\n", encoding="utf-8")


def read_manifest(folder: Path) -> Manifest:
    """Read a bundle's bundle.json.

    Raises:
        Corrupt: it is missing, is not JSON, has another schema or lacks a field.
    """
    remedy = _remedy(folder)
    try:
        raw = load_json((folder / MANIFEST).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise Corrupt(
            str(folder), [f"{MANIFEST}: missing, so the bundle is half-written or none"], remedy
        ) from None
    except (ValueError, OSError) as error:
        raise Corrupt(str(folder), [f"{MANIFEST}: cannot be read: {error}"], remedy) from error
    faults = _shape_faults(raw)
    if faults:
        raise Corrupt(str(folder), faults, remedy)
    parts = tuple(
        Part(**{**part, "nodes": tuple(part["nodes"]), "image": part.get("image")})
        for part in raw["parts"]
    )
    return Manifest(raw["kubernetes"], raw["arch"], raw["source"], raw["key"], parts)


def verify(folder: Path) -> Manifest:
    """Compare every file of a bundle with bundle.json.

    Returns:
        The manifest, when all is well.

    Raises:
        Corrupt: lists every missing, unknown or changed file, a wrong architecture and a wrong
            schema.
    """
    if not folder.is_dir():
        raise Corrupt(
            str(folder), ["there is no such folder"], "Run `kubedrill bundle build` to make it."
        )
    manifest = read_manifest(folder)
    faults = [] if manifest.parts else [f"{MANIFEST}: lists no parts, so the bundle is empty"]
    if manifest.arch != ARCH:
        faults.append(f"it is for {manifest.arch}, this version of kubedrill installs {ARCH}")
    if folder.name != f"{manifest.kubernetes}-{manifest.arch}":
        faults.append(
            f"its {MANIFEST} says {manifest.kubernetes}-{manifest.arch}, its folder is "
            f"{folder.name}"
        )
    for part in manifest.parts:
        faults += _part_faults(folder / part.path, part)
    known = {part.path for part in manifest.parts} | {MANIFEST}
    actual = {str(p.relative_to(folder)) for p in folder.rglob("*") if not p.is_dir()}
    faults += [f"{path}: not in {MANIFEST}" for path in sorted(actual - known)]
    if faults:
        raise Corrupt(str(folder), faults, _remedy(folder))
    return manifest


def _remedy(folder: Path) -> str:
    """Say how a bundle is made again, by a command that makes what its folder is named after."""
    name = folder.name.removesuffix(f"-{ARCH}")
    if name in _OPTIONS:
        option = name
    elif name.removeprefix("v") in SUPPORTED:
        option = f"kubernetes {name.removeprefix('v')}"
    else:
        return f"Remove {folder}: this version of kubedrill does not make it."
    return f"Run `{' '.join(('kubedrill', 'bundle', 'build', f'--{option}'))}`."


def _part_faults(path: Path, part: Part) -> list[str]:
    if not path.is_file():
        return [f"{part.path}: missing"]
    size = path.stat().st_size
    if size != part.size:
        return [f"{part.path}: {size} bytes, expected {part.size}"]
    digest = sha256_of(path)
    return (
        [] if digest == part.sha256 else [f"{part.path}: sha256 {digest}, expected {part.sha256}"]
    )


def _shape_faults(raw: Any) -> list[str]:
    """Say what is wrong with the form of a bundle.json."""
    if not isinstance(raw, dict):
        return [f"{MANIFEST}: not an object"]
    if raw.get("schema") != SCHEMA:
        return [
            f"{MANIFEST}: schema {raw.get('schema')!r}, this version of kubedrill reads {SCHEMA}"
        ]
    texts = ("kubernetes", "arch", "source", "key")
    faults = [
        f"{MANIFEST}: {name} is missing or not text"
        for name in texts
        if not isinstance(raw.get(name), str)
    ]
    if not isinstance(raw.get("parts"), list):
        return [*faults, f"{MANIFEST}: parts is missing or not a list"]
    for number, part in enumerate(raw["parts"]):
        faults += [f"{MANIFEST}: parts[{number}]: {fault}" for fault in _part_shape_faults(part)]
    return faults


def _part_shape_faults(part: Any) -> list[str]:
    if not isinstance(part, dict):
        return ["not an object"]
    types = {
        "name": str,
        "version": str,
        "kind": str,
        "path": str,
        "source": str,
        "size": int,
        "sha256": str,
    }
    faults = [
        f"{field} is missing or not {kind.__name__}"
        for field, kind in types.items()
        if not isinstance(part.get(field), kind)
    ]
    if not isinstance(part.get("nodes"), list):
        faults.append("nodes is missing or not a list")
    faults += [
        f"{field} is unknown" for field in sorted(part.keys() - types.keys() - {"nodes", "image"})
    ]
    if part.get("kind") not in _KINDS:
        faults.append(f"kind {part.get('kind')!r} is none of {', '.join(_KINDS)}")
    path = Path(str(part.get("path")))
    if path.is_absolute() or ".." in path.parts:
        faults.append(f"path {path} leaves the bundle")
    return faults
