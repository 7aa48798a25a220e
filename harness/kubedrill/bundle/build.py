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
    builder, upstream = (
        _Builder(cache or Cache(), progress or Silent()),
        Upstream.from_environment(),
    )

    def items(release: Release, source: str) -> list[Item]:
        if source == "upstream":
            return upstream_items(release, upstream)
        return modules_items(release)

    sources = ("upstream", "modules") if source == "auto" else (source,)
    outdated = [
        release
        for release in releases
        if not any(builder.is_built(release.kubernetes, s, items(release, s)) for s in sources)
    ]
    if outdated:
        taken = choose_source(source, upstream, outdated, builder.progress)
        builder.build(taken, {release.kubernetes: items(release, taken) for release in outdated})
    return [builder.cache.bundles / release.bundle_name for release in releases]


def build_items(
    name: str,
    items: list[Item],
    progress: BuildProgress | None = None,
    cache: Cache | None = None,
) -> Path:
    """Build a bundle that is no release's, or find it in the cache.

    Its folder is called ``<name>-<arch>``.

    Raises:
        BundleError: see its subclasses; nothing half-made is left behind.
    """
    builder = _Builder(cache or Cache(), progress or Silent())
    if not builder.is_built(name, "modules", items):
        builder.build("modules", {name: items})
    return builder.folder(name)


class _Builder:
    def __init__(self, cache: Cache, progress: BuildProgress) -> None:
        self.cache, self.progress = cache, progress

    def folder(self, name: str) -> Path:
        return self.cache.bundles / f"{name}-{ARCH}"

    def is_built(self, name: str, source: str, items: list[Item]) -> bool:
        """Whether the bundle that this source would make of these files is there.

        Contents that nobody wrote to are not read.
        """
        folder = self.folder(name)
        try:
            manifest = read_manifest(folder)
        except Corrupt:
            return False
        record = folder / MANIFEST
        return manifest.key == _bundle_key(source, items) and not any(
            is_changed(folder / part.path, FileChecksum(part.size, part.sha256), record)
            for part in manifest.parts
        )

    def build(self, source: str, bundles: dict[str, list[Item]]) -> None:
        with self.cache.locked(self.progress.message):
            # Another builder may have made them while this one waited for the lock.
            missing = {
                name: items
                for name, items in bundles.items()
                if not self.is_built(name, source, items)
            }
            self._make_parts([item for items in missing.values() for item in items])
            for name, items in missing.items():
                self._assemble(name, source, items)

    def _make_parts(self, items: list[Item]) -> None:
        recipes = {recipe.key: recipe for recipe in order(items)}
        missing = missing_parts(self.cache, list(recipes.values()))
        if missing:
            require_build_host(
                self.cache.root,
                compiles=any(r.lane == "compile" for r in missing),
                debian=any(r.version in DEBIAN_SUITES for r in missing),
                pulls=any(r.name.startswith("pulled-") for r in missing),
            )
        self.progress.plan(len(recipes), [recipe.title for recipe in missing])
        make_parts(missing, self.cache, self.progress)

    def _assemble(self, name: str, source: str, items: list[Item]) -> None:
        """Link the parts' files into a bundle folder."""
        with self.cache.whole(self.folder(name)) as folder:
            parts = tuple(self._place(item, folder) for item in items)
            key = _bundle_key(source, items)
            Manifest(kubernetes=name, arch=ARCH, source=source, key=key, parts=parts).write(folder)

    def _place(self, item: Item, folder: Path) -> Part:
        part = part_folder(self.cache, item.recipe)
        target = folder / item.path
        target.parent.mkdir(parents=True, exist_ok=True)
        os.link(part / item.file, target)
        target.chmod(0o644 if item.kind == "image" else 0o755)
        checksum, versions = read_checksums(part)[item.file], packages_of(part)
        debian = ", ".join(f"{name} {versions[name]}" for name in item.packages)
        packages = f"Debian packages {debian}" if debian else ""
        return Part(
            name=item.name,
            version=item.version or versions[item.packages[0]],
            kind=item.kind,
            path=item.path,
            source=" and ".join(filter(None, [item.source, packages])),
            size=checksum.size,
            sha256=checksum.sha256,
            nodes=item.nodes,
            image=item.image,
        )


def _bundle_key(source: str, items: list[Item]) -> str:
    files = [[i.name, i.path, i.recipe.key, i.file, i.nodes, i.image] for i in items]
    return content_key([_FORM, source, files])
