"""Recipes of the layers that images stand on: Debian's essential packages and a few more."""

from __future__ import annotations

import json
import tarfile
from typing import TYPE_CHECKING

from kubedrill.bundle.cache import remove_tree
from kubedrill.bundle.debian import bootstrap, package_versions
from kubedrill.bundle.oci import LayerWriter
from kubedrill.bundle.recipes import BuildContext, Recipe
from kubedrill.bundle.releases import DEBIAN_SUITE

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

LAYER = "layer.tar"
PACKAGES = "packages.json"
# Raised when what this file makes of the same inputs changes.
_RECIPE = 2
_NET_PACKAGES = ["nftables", "iptables", "conntrack", "kmod"]
PYTHON_PACKAGES = [
    "python3",
    "python3-aiohttp",
    "python3-dnspython",
    "python3-grpcio",
    "python3-protobuf",
]
_NOT_NEEDED = ["doc", "man", "info", "locale", "lintian", "bug"]
_LEAVE_OUT = ["dev", "proc", "sys", "run", "tmp", "var/cache", "var/lib/apt/lists", "var/log"]


def debian_layer(
    name: str,
    packages: Sequence[str],
    options: Sequence[str] = (),
    *,
    suite: str = DEBIAN_SUITE,
    taken: tuple[Recipe, Callable[[Path], Sequence[str]]] | None = None,
) -> Recipe:
    """Return the recipe of a layer: Debian's essential packages and some more, no documentation.

    Args:
        name: of the part.
        packages: Debian packages.
        options: further ones of mmdebstrap.
        suite: release of Debian.
        taken: a part that the layer takes something from, and the options of mmdebstrap that do it,
            by its folder.
    """

    def make(context: BuildContext) -> None:
        root = context.out / "root.tar"
        excludes = [f"--dpkgopt=path-exclude=/usr/share/{folder}/*" for folder in _NOT_NEEDED]
        more = taken[1](context.needs[taken[0].name]) if taken else ()
        every = [*excludes, *options, *more]
        bootstrap(
            context.processes, root, list(packages), variant="essential", options=every, suite=suite
        )
        context.note("writing the layer", 0.9)
        with tarfile.open(root) as tar:
            status = tar.extractfile("./var/lib/dpkg/status")
            versions = package_versions(status.read().decode() if status else "")
        with LayerWriter(context.out / LAYER) as layer:
            layer.root(root, _LEAVE_OUT)
        root.unlink()
        (context.out / PACKAGES).write_text(json.dumps(versions, indent=1), encoding="utf-8")

    inputs = {
        "recipe": _RECIPE,
        "packages": list(packages),
        **({"options": list(options)} if options else {}),
    }
    return Recipe(name, suite, "fetch", inputs, make, (taken[0],) if taken else ())


def net_layer() -> Recipe:
    """Return the base of programs that program the node's packet filter."""
    return debian_layer("layer-net", _NET_PACKAGES)


def python_layer() -> Recipe:
    """Return the base of the sample application and of the in-cluster prober."""
    return debian_layer("layer-python", PYTHON_PACKAGES)


def compile_python(context: BuildContext, base: Recipe, folder: Path, where: str) -> None:
    """Compile the Python files below ``folder`` with a Debian layer's Python.

    Images have them at ``where``.

    What they are compiled from is not looked at when they are run (PEP 552, unchecked): nobody
    changes it in an image.

    Raises:
        BuildFailed: a file is none of that Python's; carries its words.
    """
    root = context.out / "root"
    with tarfile.open(context.needs[base.name] / LAYER) as tar:
        tar.extractall(
            root, [m for m in tar if m.name.startswith("usr/") and not m.isdir()], filter="tar"
        )
    libraries = root / "usr/lib/x86_64-linux-gnu"
    argv: list[str | Path] = [
        libraries / "ld-linux-x86-64.so.2",
        "--library-path",
        libraries,
        root / "usr/bin/python3",
    ]
    argv += ["-S", "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash"]
    argv += ["-s", folder.parent, "-p", where, folder]
    context.processes.run("compiling Python files", argv, env={"PYTHONHOME": str(root / "usr")})
    remove_tree(root)
