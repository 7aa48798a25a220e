"""Builds bundles: makes the parts that the cache lacks, side by side where they use different things, and links them."""

from __future__ import annotations

import os
import threading
import time
from collections import defaultdict
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from pathlib import Path

from bundle.cache import Cache, content_key
from bundle.errors import BundleError, Corrupt
from bundle.manifest import Manifest, Part, read_manifest, sha256_of
from bundle.modules_source import modules_items, packages_of
from bundle.processes import Processes, Stopped
from bundle.progress import BuildProgress, Silent
from bundle.recipes import Item, Kitchen, Recipe, order
from bundle.releases import ARCH, DEBIAN_SUITE, Release, find_release
from bundle.toolchain import require_build_host
from bundle.upstream_source import Upstream, choose_source, upstream_items

# Raised when the form of a bundle changes.
_FORM = 1
# One job of each kind at a time: two Go builds side by side only take turns on the same cores.
_LANES = ("compile", "fetch", "pack")


def build_bundle(
    version: str, source: str = "auto", progress: BuildProgress | None = None, *, cache: Cache | None = None
) -> Path:
    """Build one release's bundle, or find it in the cache.

    Args:
        version: a supported Kubernetes release, as ``1.35.4``.
        source: ``modules``, ``upstream`` or ``auto`` (upstream where it answers, else modules).
        progress: what is told how far the build is.
        cache: where parts and bundles are; the user's cache if none is given.

    Returns:
        The bundle's folder.

    Raises:
        BundleError: see its subclasses; nothing half-made is left behind.
    """
    return build_bundles([version], source, progress, cache=cache)[0]


def build_bundles(
    versions: list[str], source: str = "auto", progress: BuildProgress | None = None, *, cache: Cache | None = None
) -> list[Path]:
    """Build several releases' bundles in one go; arguments and errors as for `build_bundle`."""
    chosen = [find_release(v) for v in versions]
    cache, progress = cache or Cache(), progress or Silent()
    upstream = Upstream.from_environment()
    taken = choose_source(source, upstream, progress)
    wanted = {r: upstream_items(r, upstream) if taken == "upstream" else modules_items(r) for r in chosen}
    with cache.locked(progress.say):
        recipes = {recipe.key: recipe for items in wanted.values() for recipe in order(items)}
        _make_parts(list(recipes.values()), cache, progress)
        return [_assemble(release, taken, items, cache) for release, items in wanted.items()]


def _make_parts(recipes: list[Recipe], cache: Cache, progress: BuildProgress) -> None:
    missing = [r for r in recipes if not _folder(cache, r).is_dir()]
    lanes = {r.lane for r in missing}
    if missing:
        debian = any(r.version == DEBIAN_SUITE for r in missing)
        require_build_host(cache.root, compiles="compile" in lanes, debian=debian)
    progress.plan(len(recipes), len(recipes) - len(missing))
    _Kitchens(cache, progress).make_all(missing)


class _Kitchens:
    """Makes parts in threads: a part starts when all that it needs is there and its lane is free."""

    def __init__(self, cache: Cache, progress: BuildProgress) -> None:
        self._cache, self._progress = cache, progress
        self._processes = Processes()
        self._lanes: dict[str, threading.Lock] = defaultdict(threading.Lock)

    def make_all(self, missing: list[Recipe]) -> None:
        waiting = {r.key: r for r in missing}
        running: dict[Future[None], Recipe] = {}
        busy: set[str] = set()
        with ThreadPoolExecutor(len(_LANES)) as pool:
            try:
                while waiting or running:
                    for recipe in [r for r in waiting.values() if self._ready(r)]:
                        if recipe.lane not in busy:
                            busy.add(recipe.lane)
                            running[pool.submit(self._make, waiting.pop(recipe.key))] = recipe
                    done, _ = wait(running, return_when=FIRST_COMPLETED)
                    for future in done:
                        busy.discard(running.pop(future).lane)
                        future.result()
            except BaseException:
                self._processes.stop()
                raise

    def _ready(self, recipe: Recipe) -> bool:
        return all(_folder(self._cache, need).is_dir() for need in recipe.needs)

    def _make(self, recipe: Recipe) -> None:
        title = f"{recipe.name} {recipe.version}"
        begun = time.monotonic()
        self._progress.started(title)
        with self._cache.whole(_folder(self._cache, recipe)) as out:
            needs = {need.name: _folder(self._cache, need) for need in recipe.needs}
            recipe.make(Kitchen(out, needs, self._processes, lambda text: self._progress.note(title, text)))
        self._progress.finished(title, time.monotonic() - begun)


def _folder(cache: Cache, recipe: Recipe) -> Path:
    return cache.part_dir(recipe.name, recipe.version, recipe.key)


def _assemble(release: Release, source: str, items: list[Item], cache: Cache) -> Path:
    """Link the parts' files into a bundle folder, unless that very bundle stands there already."""
    final = cache.bundles / release.bundle_name
    key = content_key([_FORM, source, [[i.name, i.path, i.recipe.key, i.file, i.nodes, i.image] for i in items]])
    if _stands(final, key):
        return final
    with cache.whole(final) as folder:
        parts = tuple(_place(item, folder, cache) for item in items)
        Manifest(release.kubernetes, ARCH, source, key, parts).write(folder)
    return final


def _stands(final: Path, key: str) -> bool:
    """Whether a bundle with that key is there with all its files; contents are what `verify` is for."""
    try:
        manifest = read_manifest(final)
    except Corrupt:
        return False
    whole = all((final / p.path).is_file() and (final / p.path).stat().st_size == p.size for p in manifest.parts)
    return manifest.key == key and whole


def _place(item: Item, folder: Path, cache: Cache) -> Part:
    part = _folder(cache, item.recipe)
    target = folder / item.path
    target.parent.mkdir(parents=True, exist_ok=True)
    (part / item.file).chmod(0o644 if item.kind == "image" else 0o755)
    os.link(part / item.file, target)
    versions = packages_of(part)
    debian = ", ".join(f"{name} {versions[name]}" for name in item.packages)
    source = " and ".join([*([item.source] if item.source else []), *([f"Debian packages {debian}"] if debian else [])])
    version = item.version or versions[item.packages[0]]
    size, digest = target.stat().st_size, sha256_of(target)
    return Part(item.name, version, item.kind, item.path, source, size, digest, item.nodes, item.image)


__all__ = ["BundleError", "Stopped", "build_bundle", "build_bundles"]
