"""Builds programs from upstream Go modules that bundle/modules/<product>/go.mod and go.sum lock."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bundle.errors import BuildFailed
from bundle.recipes import Kitchen, Recipe
from bundle.toolchain import find_go, go_version

if TYPE_CHECKING:
    from collections.abc import Sequence

MODULES = Path(__file__).resolve().parent / "modules"
# Raised when what this file does to a program changes, so that cached parts of the old way are not taken.
_RECIPE = 1
# The build reads nothing from the user's Go settings but where modules come from and where Go keeps its caches.
_ENV = {"GOFLAGS": "", "GOTOOLCHAIN": "local", "GOWORK": "off", "GOOS": "linux", "GOARCH": "amd64", "GOAMD64": "v1"}


@dataclass(frozen=True)
class Product:
    """One Go module of ours and the programs of it."""

    name: str
    version: str
    commands: tuple[str, ...]
    tags: tuple[str, ...] = ()
    stamps: tuple[str, ...] = ()
    """``package.Variable=value`` that the linker writes."""
    cgo: bool = False
    """Compiled with the C compiler and linked statically."""

    @property
    def module(self) -> Path:
        """Where its go.mod and go.sum are."""
        return MODULES / self.name


def kubernetes_product(version: str, minor: str, commands: Sequence[str]) -> Product:
    """Return Kubernetes' programs of one version, stamped as upstream's build/root/.. scripts stamp them."""
    values = {
        "gitVersion": version,
        "gitMajor": minor.split(".", maxsplit=1)[0],
        "gitMinor": minor.split(".")[1],
        "gitTreeState": "clean",
        "gitCommit": "module",
        "buildDate": "1970-01-01T00:00:00Z",
    }
    packages = ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")
    return Product(
        f"kubernetes-{minor}",
        version,
        tuple(f"k8s.io/kubernetes/cmd/{c}" for c in commands),
        stamps=tuple(f"{package}.{name}={value}" for package in packages for name, value in values.items()),
    )


def go_recipe(product: Product) -> Recipe:
    """Return the recipe that compiles all programs of a product with one ``go build``."""
    locks = [hashlib.sha256((product.module / f).read_bytes()).hexdigest() for f in ("go.mod", "go.sum")]
    go = find_go()
    inputs = {
        "recipe": _RECIPE,
        "locks": locks,
        "go": go_version(go) if go else (),
        "commands": product.commands,
        "tags": product.tags,
        "stamps": product.stamps,
        "cgo": product.cgo,
    }
    return Recipe(f"go-{product.name}", product.version, "compile", inputs, lambda kitchen: _build(product, kitchen))


def _build(product: Product, kitchen: Kitchen) -> None:
    go = find_go()
    if go is None:
        raise BuildFailed(f"{product.name} cannot be built: the Go toolchain went away during the build")
    env = {**_ENV, "CGO_ENABLED": "1" if product.cgo else "0"}
    external = " -extldflags -static" if product.cgo else ""
    stamps = "".join(f" -X {stamp}" for stamp in product.stamps)
    compiled = 0

    def count(line: str) -> None:
        nonlocal compiled
        if re.fullmatch(r"[\w./~-]+", line):  # -v prints each package's path when its turn comes
            compiled += 1
            kitchen.note(f"{compiled} packages compiled")

    kitchen.processes.run(
        f"go build of {product.name} {product.version}",
        [
            *(go, "build", "-v", "-mod=readonly", "-trimpath", "-buildvcs=false"),
            "-gcflags=all=-dwarf=false",  # -s -w drops it anyway: 6 % less work, the same program, so no input of the key
            f"-tags={','.join(product.tags)}",
            f"-ldflags=-s -w{external}{stamps}",
            *("-o", f"{kitchen.out}/", *product.commands),
        ],
        env=env,
        cwd=product.module,
        on_line=count,
    )


def module_folder(kitchen: Kitchen, product: Product, path: str) -> Path:
    """Return where Go keeps the source of a module that a product requires.

    Raises:
        BuildFailed: Go cannot download it or its checksum is not that of go.sum.
    """
    go = find_go()
    if go is None:
        raise BuildFailed(f"{path} cannot be fetched: the Go toolchain went away during the build")
    template = "{{.Dir}}"
    kitchen.processes.run(f"download of {path}", [go, "mod", "download", path], env=_ENV, cwd=product.module)
    answer = kitchen.processes.run(
        f"search for {path}", [go, "list", "-mod=readonly", "-m", "-f", template, path], env=_ENV, cwd=product.module
    )
    return Path(answer.strip().splitlines()[-1])
