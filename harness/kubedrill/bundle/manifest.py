"""bundle.json: what is in a bundle, and the check of a bundle against it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from ansible_collections.kubedrill.kubeadm.plugins.module_utils.bundle_names import (
    is_image,
    is_part_path,
)
from kubedrill.base.files import sha256_of
from kubedrill.base.mistakes import shown, words
from kubedrill.base.strict_json import load_json
from kubedrill.bundle.errors import Corrupt
from kubedrill.bundle.recipes import Kind  # noqa: TC001 - pydantic reads it
from kubedrill.bundle.releases import ARCH, SUPPORTED

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

SCHEMA = 1
MANIFEST = "bundle.json"
_OPTIONS = ("orders", "kubedrill", "tools")
"""Bundles that are no releases, by the options of `bundle build` that make them."""


def _inside(path: str) -> str:
    if not Path(path).name:
        raise ValueError("expected the path of a file in the bundle")
    if Path(path).is_absolute() or ".." in Path(path).parts:
        raise ValueError("leaves the bundle")
    if not is_part_path(path):
        raise ValueError("expected letters, digits and '-_.+' between slashes, no '-' first")
    return path


def _image(reference: str) -> str:
    if not is_image(reference):
        raise ValueError("expected an image's name, such as registry.k8s.io/pause:3.10")
    return reference


class Part(BaseModel):
    """One file of a bundle."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    name: str
    version: str
    kind: Kind
    path: Annotated[str, AfterValidator(_inside)]
    source: str
    size: Annotated[int, Field(ge=0)]
    """Bytes."""
    sha256: str
    nodes: Annotated[tuple[str, ...], Field(strict=False)]
    image: Annotated[str, AfterValidator(_image)] | None = None
    """Images only: the reference that it is imported as."""


class Manifest(BaseModel):
    """All of bundle.json."""

    model_config = ConfigDict(frozen=True, strict=True)

    kubernetes: str
    arch: str
    source: str
    key: str
    parts: Annotated[tuple[Part, ...], Field(strict=False)]

    def write(self, folder: Path) -> None:
        """Write bundle.json into a bundle's folder."""
        whole = {"schema": SCHEMA, **self.model_dump(exclude_none=True)}
        (folder / MANIFEST).write_text(json.dumps(whole, indent=1) + "\n", encoding="utf-8")


def read_manifest(folder: Path) -> Manifest:
    """Read a bundle's bundle.json.

    Raises:
        Corrupt: it is missing, is not JSON, has another schema or lacks a field.
    """
    try:
        raw = load_json((folder / MANIFEST).read_text(encoding="utf-8"))
        if not isinstance(raw, dict):
            faults = [f"not an object, found {shown(raw)}"]
        elif raw.get("schema") == SCHEMA:
            return Manifest.model_validate(raw)
        else:
            faults = [f"schema {raw.get('schema')!r}, this version of kubedrill reads {SCHEMA}"]
    except FileNotFoundError:
        faults = ["missing, so the bundle is half-written or none"]
    except ValidationError as error:
        faults = [_words(item) for item in error.errors()]
    except (ValueError, OSError) as error:
        faults = [f"cannot be read: {error}"]
    raise Corrupt(str(folder), [f"{MANIFEST}: {fault}" for fault in faults], _remedy(folder))


def _words(item: ErrorDetails) -> str:
    place = "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in item["loc"])[1:]
    text = words(item)
    return f"{place}{'' if text.startswith('is ') else ':'} {text}"


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
