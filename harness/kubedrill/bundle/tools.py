"""The tools bundle: programs for the machine that runs kubedrill, and for no node."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kubedrill.bundle.build import build_items
from kubedrill.bundle.cache import Cache
from kubedrill.bundle.golang import Product, go_recipe
from kubedrill.bundle.recipes import Item
from kubedrill.bundle.releases import ARCH
from kubedrill.bundle.releases import HELM as HELM_VERSION

if TYPE_CHECKING:
    from pathlib import Path

    from kubedrill.bundle.progress import BuildProgress

BUNDLE = "tools"
HELM = Product(
    "helm",
    HELM_VERSION,
    ("helm.sh/helm/v4/cmd/helm",),
    stamps=(f"helm.sh/helm/v4/internal/version.version={HELM_VERSION}",),
)


def tools_bundle(progress: BuildProgress | None = None, *, cache: Cache | None = None) -> Path:
    """Build the tools bundle, or find it in the cache, and return its folder.

    Raises:
        BundleError: see its subclasses; nothing half-made is left behind.
    """
    return build_items(BUNDLE, tools_items(), progress, cache)


def tools_items() -> list[Item]:
    """Return all files of the tools bundle, with the recipes that make them."""
    source = f"go module helm.sh/helm/v4@{HELM.version}"
    recipe = go_recipe(HELM)
    return [Item("helm", "binary", "bin/helm", recipe, "helm", source, (), HELM.version)]


def tool_path(name: str, cache: Cache | None = None) -> Path:
    """Return where a program of the tools bundle is once the bundle is built."""
    return (cache or Cache()).bundles / f"{BUNDLE}-{ARCH}" / "bin" / name
