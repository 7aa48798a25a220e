"""What is wrong with a release bundle, read on the controller."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Any

from ansible.plugins.lookup import LookupBase

from ansible_collections.kubedrill.kubeadm.plugins.module_utils.bundle_names import (
    is_image,
    is_part_path,
)

DOCUMENTATION = """
name: preflight_bundle
short_description: Lists what is wrong with a release bundle
description: Reads bundle.json and the parts beside it; nothing is changed.
options:
  _terms:
    description: Kubernetes versions, without v.
  source:
    description: The directory that holds the bundles.
    required: true
    type: str
  arch:
    description: The architecture that is asked for.
    required: true
    type: str
  engine:
    description: What enforces NetworkPolicies; its image must be in the bundle.
    type: str
    default: none
  checksums:
    description: Compare sha256 too.
    type: bool
    default: false
"""


SCHEMA = 1
"""Of bundle.json, as this collection reads it."""
_RELEASE = re.compile(r"[0-9]+\.[0-9]+\.[0-9]+")
_FIELDS = {"path": str, "size": int, "sha256": str}


def bundle_mistakes(
    source: Path, version: str, arch: str, *, checksums: bool = False, engine: str = "none"
) -> list[str]:
    """List what is wrong with the bundle of one Kubernetes version; [] means that it is whole."""
    if not _RELEASE.fullmatch(version):
        expected = "expected three numbers such as 1.35.4, without v"
        return [f"{version!r} is no release of Kubernetes: {expected}"]
    name = f"v{version}-{arch}"
    root = source / name
    build = f"run: kubedrill bundle build --kubernetes {version}"
    if not root.is_dir():
        return [_missing(source, name, build)]
    try:
        manifest = json.loads((root / "bundle.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return [f"bundle {name} is half-written: {root} has no bundle.json; {build}"]
    except (ValueError, OSError, RecursionError) as error:
        return [f"bundle {name} is corrupt: bundle.json cannot be read ({error}); {build}"]
    fault = _form_fault(manifest)
    if fault:
        return [f"bundle {name} is corrupt: bundle.json {fault}; {build}"]
    return _content_mistakes(root, manifest, version, arch, engine, build, checksums=checksums)


def _content_mistakes(  # noqa: PLR0913, PLR0917 - what is asked for, beside the manifest
    root: Path,
    manifest: dict[str, Any],
    version: str,
    arch: str,
    engine: str,
    build: str,
    *,
    checksums: bool,
) -> list[str]:
    name, parts = root.name, manifest["parts"]
    schema = manifest.get("schema", SCHEMA)
    if schema != SCHEMA:
        actual = f"schema {schema!r}, expected {SCHEMA}: another version of kubedrill made it"
        return [f"bundle {name} has {actual}; {build}"]
    mistakes = [
        f"bundle {name} says {key} {manifest.get(key)!r}, expected {expected!r}; {build}"
        for key, expected in (("kubernetes", f"v{version}"), ("arch", arch))
        if manifest.get(key) != expected
    ]
    bad = [mistake for part in parts if (mistake := _part_mistake(root, part, checksums=checksums))]
    if engine != "none" and engine not in {part.get("name") for part in parts}:
        mistakes.append(
            f"bundle {name} has no image of {engine}, which network_policy_engine asks for: "
            f"{build} --source upstream, which has it, or leave network_policy_engine at none"
        )
    return mistakes + [f"bundle {name} is corrupt: {mistake}; {build}" for mistake in bad]


def _form_fault(manifest: Any) -> str:
    """Say why a manifest cannot be read any further; "" where it can."""
    if not isinstance(manifest, dict):
        return "is no object"
    if manifest.get("schema", SCHEMA) != SCHEMA:
        return ""  # of another form
    parts = manifest.get("parts")
    if not isinstance(parts, list) or not parts:
        return "lists no parts"
    for number, part in enumerate(parts):
        for field, kind in _FIELDS.items():
            if not isinstance(part, dict) or not isinstance(part.get(field), kind):
                return f"is cut or changed: part {number + 1} has no {field}"
    return ""


def _missing(source: Path, name: str, build: str) -> str:
    has = sorted(path.parent.name for path in source.glob("v*/bundle.json"))
    return (
        f"there is no bundle {name} in {source} (found: {', '.join(has) or 'none'}): correct the "
        f"version, or {build}"
    )


def _name_mistake(part: dict[str, Any]) -> str:
    path = Path(part["path"])
    if path.is_absolute() or ".." in path.parts:
        return f"{part['path'][:100]!r} leaves the bundle"
    if not is_part_path(part["path"]):
        return f"{part['path'][:100]!r} is no path of a file in the bundle"
    if part.get("kind") == "image" and not is_image(part.get("image")):
        return f"{part['path']} has the image {part.get('image')!r}, which is no image's name"
    return ""


def _part_mistake(root: Path, part: dict[str, Any], *, checksums: bool) -> str:
    if mistake := _name_mistake(part):
        return mistake
    path = root / part["path"]
    if not path.is_file():
        return f"{part['path']} is missing"
    if path.stat().st_size != part["size"]:
        return f"{part['path']} has {path.stat().st_size} bytes, expected {part['size']}"
    if checksums:
        with path.open("rb") as file:
            actual = hashlib.file_digest(file, "sha256").hexdigest()
        if actual != part["sha256"]:
            return f"{part['path']} has sha256 {actual}, expected {part['sha256']}"
    return ""


class LookupModule(LookupBase):
    """Returns the list of mistakes."""

    def run(self, terms: list[str], variables: Any = None, **kwargs: Any) -> list[str]:
        """Look at the bundle of each version."""
        self.set_options(var_options=variables, direct=kwargs)
        source = Path(self.get_option("source")).expanduser()
        arch, checksums = self.get_option("arch"), self.get_option("checksums")
        engine = self.get_option("engine")
        return [
            mistake
            for version in terms
            for mistake in bundle_mistakes(
                source, str(version), arch, checksums=checksums, engine=engine
            )
        ]
