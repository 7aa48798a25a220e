"""Builds bundles, or finds them in the cache."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from kubedrill.bundle.cache import Cache, content_key
from kubedrill.bundle.checksums import FileChecksum, is_changed, read_checksums
from kubedrill.bundle.errors import Corrupt
from kubedrill.bundle.manifest import MANIFEST, Manifest, Part, read_manifest
from kubedrill.bundle.modules_source import modules_items, packages_of
from kubedrill.bundle.progress import BuildProgress, Silent
from kubedrill.bundle.recipes import Item, order
from kubedrill.bundle.releases import ARCH, DEBIAN_SUITES, Release, find_release
from kubedrill.bundle.scheduler import make_parts, missing_parts, part_folder
from kubedrill.bundle.toolchain import require_build_host
from kubedrill.bundle.upstream_source import Upstream, choose_source, upstream_items

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

# Raised when the form of a bundle changes.
_FORM = 1


def build_bundle(
    version: str,
    source: str = "auto",
    progress: BuildProgress | None = None,
    *,
    cache: Cache | None = None,
) -> Path:
    """Build one release's bundle, or find it in the cache.

    Args:
        version: a supported Kubernetes release, as ``1.35.4``.
        source: ``modules``, ``upstream`` or ``auto`` (what is in the cache, else upstream where it
            answers, else modules).
        progress: what is told how far the build is.
        cache: where parts and bundles are; the user's cache if none is given.

    Returns:
        The bundle's folder.

    Raises:
        BundleError: see its subclasses; nothing half-made is left behind.
    """
    return build_bundles([version], source, progress, cache=cache)[0]


def build_bundles(
    versions: Sequence[str],
    source: str = "auto",
    progress: BuildProgress | None = None,
    *,
    cache: Cache | None = None,
) -> list[Path]:
    """Build several releases' bundles in one go; arguments and errors as for `build_bundle`."""
    releases = [find_release(version) for version in versions]
    return _Builder(cache or Cache(), progress or Silent(), Upstream.from_environment()).build(
        releases, source
    )


def build_items(name: str, items: list[Item], progress: BuildProgress, cache: Cache) -> Path:
    """Build a bundle that is no release's, or find it in the cache.

    Its folder is called ``<name>-<arch>``.

    Raises:
        BundleError: see its subclasses; nothing half-made is left behind.
    """
    builder = _Builder(cache, progress, Upstream.from_environment())
    return builder.build_items(name, items)


class _Builder:
    def __init__(self, cache: Cache, progress: BuildProgress, upstream: Upstream) -> None:
        self._cache, self._progress, self._upstream = cache, progress, upstream

    def build(self, releases: list[Release], source: str) -> list[Path]:
        sources = ("upstream", "modules") if source == "auto" else (source,)
        ready = {r for r in releases if any(self._is_built(r, s) for s in sources)}
        outdated = [r for r in releases if r not in ready]
        if outdated:
            taken = choose_source(source, self._upstream, outdated, self._progress)
            with self._cache.locked(self._progress.message):
                # Another builder may have made them while this one waited for the lock.
                needed = {
                    r: self._items(r, taken) for r in outdated if not self._is_built(r, taken)
                }
                self._make_parts([item for items in needed.values() for item in items])
                for release, items in needed.items():
                    self._assemble(release.kubernetes, taken, items)
        return [self._cache.bundles / r.bundle_name for r in releases]

    def build_items(self, name: str, items: list[Item]) -> Path:
        folder = self._cache.bundles / f"{name}-{ARCH}"
        if not self._is_made_of(folder, "modules", items):
            with self._cache.locked(self._progress.message):
                if not self._is_made_of(folder, "modules", items):
                    self._make_parts(items)
                    self._assemble(name, "modules", items)
        return folder

    def _make_parts(self, items: list[Item]) -> None:
        recipes = {recipe.key: recipe for recipe in order(items)}
        missing = missing_parts(self._cache, list(recipes.values()))
        if missing:
            require_build_host(
                self._cache.root,
                compiles=any(r.lane == "compile" for r in missing),
                debian=any(r.version in DEBIAN_SUITES for r in missing),
                pulls=any(r.name.startswith("pulled-") for r in missing),
            )
        self._progress.plan(len(recipes), len(recipes) - len(missing))
        make_parts(missing, self._cache, self._progress)

    def _items(self, release: Release, source: str) -> list[Item]:
        return (
            upstream_items(release, self._upstream)
            if source == "upstream"
            else modules_items(release)
        )

    def _is_built(self, release: Release, source: str) -> bool:
        """Whether the bundle that this source would make is there.

        Contents that nobody wrote to are not read.
        """
        return self._is_made_of(
            self._cache.bundles / release.bundle_name, source, self._items(release, source)
        )

    def _is_made_of(self, folder: Path, source: str, items: list[Item]) -> bool:
        try:
            manifest = read_manifest(folder)
        except Corrupt:
            return False
        record = folder / MANIFEST
        return manifest.key == _bundle_key(source, items) and not any(
            is_changed(folder / part.path, FileChecksum(part.size, part.sha256), record)
            for part in manifest.parts
        )

    def _assemble(self, name: str, source: str, items: list[Item]) -> None:
        """Link the parts' files into a bundle folder."""
        with self._cache.whole(self._cache.bundles / f"{name}-{ARCH}") as folder:
            parts = tuple(self._place(item, folder) for item in items)
            Manifest(name, ARCH, source, _bundle_key(source, items), parts).write(folder)

    def _place(self, item: Item, folder: Path) -> Part:
        part = part_folder(self._cache, item.recipe)
        target = folder / item.path
        target.parent.mkdir(parents=True, exist_ok=True)
        os.link(part / item.file, target)
        target.chmod(0o644 if item.kind == "image" else 0o755)
        was, versions = read_checksums(part)[item.file], packages_of(part)
        debian = ", ".join(f"{name} {versions[name]}" for name in item.packages)
        source = " and ".join(
            filter(None, [item.source, f"Debian packages {debian}" if debian else ""])
        )
        version = item.version or versions[item.packages[0]]
        return Part(
            item.name,
            version,
            item.kind,
            item.path,
            source,
            was.size,
            was.sha256,
            item.nodes,
            item.image,
        )


def _bundle_key(source: str, items: list[Item]) -> str:
    files = [[i.name, i.path, i.recipe.key, i.file, i.nodes, i.image] for i in items]
    return content_key([_FORM, source, files])
