"""Recipes of the container images.

A Go program on an empty base, or on a small Debian base where it needs tools.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from kubedrill.base.project import ROOT
from kubedrill.bundle.cache import tree_digest
from kubedrill.bundle.errors import BuildFailed, Unsupported
from kubedrill.bundle.golang import Product, module_folder
from kubedrill.bundle.layers import LAYER, PACKAGES, python_layer
from kubedrill.bundle.oci import PATH, Config, LayerWriter, write_image
from kubedrill.bundle.recipes import BuildContext, Recipe

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

SAMPLE_APP = ROOT / "apps" / "sample"
COMMON = SAMPLE_APP.parent / "common"
"""What both applications take from: it stands beside their files in an image."""
IMAGE = "image.tar"
# Raised when what this file makes of the same inputs changes.
_RECIPE = 1
_PACKED = 2  # the same for how kubedrill.bundle.oci packs an image
# User of the sample application in its images, without any right.
_APP_USER = "10001"
PAUSE_CONFIG = Config(entrypoint=["/pause"], user="65535:65535")


@dataclass(frozen=True)
class Image:
    """What an image is called and how its program is started."""

    name: str
    version: str
    reference: str
    """The whole name that it is imported as."""
    config: Config


def image_recipe(
    image: Image, programs: dict[str, tuple[Recipe, str]], base: Recipe | None = None
) -> Recipe:
    """Return the recipe of an image.

    Args:
        image: what it is called and how it is started.
        programs: path in the image (no leading slash) → (part, file of that part).
        base: a Debian layer; none is an empty base with /tmp and a user list.
    """

    def write_programs(layer: LayerWriter, context: BuildContext) -> None:
        if base is None:
            layer.folder("tmp", 0o1777)
            users = "root:x:0:0:root:/:/none\nnobody:x:65534:65534:nobody:/:/none\n"
            layer.text("etc/passwd", users)
            layer.text("etc/group", "root:x:0:\nnogroup:x:65534:\n")
        for path, (recipe, file) in sorted(programs.items()):
            layer.file(path, context.needs[recipe.name] / file, 0o755)

    needs = {recipe.name: recipe for recipe, _ in programs.values()}
    files = {path: [recipe.name, file] for path, (recipe, file) in programs.items()}
    inputs = {"programs": files, "base": base.name if base else None}
    return _image(image, inputs, write_programs, tuple(needs.values()), base)


def python_image(image: Image) -> Recipe:
    """Return the image of the in-cluster prober and of the storage provisioner's helper.

    The Python base alone.
    """
    return _image(image, {}, lambda *_: None, (), python_layer())


def hello(version: str, reference: str) -> Image:
    """Return one version of the sample application.

    The versions differ only in what APP_VERSION says.
    """
    environment = [
        PATH,
        f"APP_VERSION={version}",
        "PYTHONUNBUFFERED=1",
        "PYTHONDONTWRITEBYTECODE=1",
    ]
    config = Config(
        entrypoint=["python3", "/app/main.py"], env=environment, user=_APP_USER, workdir="/app"
    )
    return Image(f"hello-{version}", version, reference, config)


def hello_image(image: Image) -> Recipe:
    """Return the sample application's image.

    A change below apps/sample/ makes it anew and nothing else.

    Raises:
        Unsupported: this installation has no sample application.
    """
    if not (SAMPLE_APP / "main.py").is_file():
        raise Unsupported(
            f"{SAMPLE_APP}/main.py is missing: the bundle is built from a whole checkout of "
            "kubedrill"
        )

    return files_image(
        image, app_inputs(SAMPLE_APP), lambda _: app_files(SAMPLE_APP), (), python_layer()
    )


def app_inputs(folder: Path) -> dict[str, str]:
    """Return what an application's files are made from, as a recipe's inputs."""
    return {"app": tree_digest(folder), "common": tree_digest(COMMON)}


def app_files(folder: Path) -> dict[str, Path]:
    """Return path in the image → file, of an application and what it shares with the other."""
    return {
        f"app/{path.relative_to(top)}": path
        for top in (COMMON, folder)
        for path in top.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def files_image(  # noqa: PLR0913, PLR0917 - each is told apart by its type
    image: Image,
    inputs: Mapping[str, Any],
    files: Callable[[BuildContext], Mapping[str, Path]],
    needs: tuple[Recipe, ...],
    base: Recipe,
    programs: str = "",
) -> Recipe:
    """Return the recipe of an image that adds plain files to a base.

    Args:
        image: what it is called and how it is started.
        inputs: what the files are made from, besides ``needs``.
        files: path in the image (no leading slash) → file.
        needs: parts that files come from.
        base: a Debian layer.
        programs: folder in the image (no leading slash) whose files may be executed; none where it
            is empty.
    """

    def write_files(layer: LayerWriter, context: BuildContext) -> None:
        for path, file in sorted(files(context).items()):
            layer.file(path, file, 0o755 if programs and path.startswith(f"{programs}/") else 0o644)

    return _image(image, inputs, write_files, needs, base)


def pause_image(image: Image, kubernetes: Product) -> Recipe:
    """Return the pause image: pause.c of the Kubernetes module, compiled as its Makefile does."""

    def compile_pause(context: BuildContext) -> None:
        source = (
            module_folder(context, kubernetes, "k8s.io/kubernetes") / "build/pause/linux/pause.c"
        )
        if not source.is_file():
            raise BuildFailed(
                f"{source} is not in the Kubernetes module any more: the pause image is made from "
                "it"
            )
        flags = ["-Os", "-Wall", "-Werror", "-static", f"-DVERSION=v{image.version}", "-s"]
        context.processes.run(
            "compiling pause", ["gcc", *flags, "-o", str(context.out / "pause"), str(source)]
        )

    inputs = {"recipe": _RECIPE, "kubernetes": kubernetes.version}
    program = Recipe("pause-program", image.version, "pack", inputs, compile_pause)
    return image_recipe(image, {"pause": (program, "pause")})


def _image(
    image: Image,
    inputs: Mapping[str, Any],
    write_top: Callable[[LayerWriter, BuildContext], None],
    needs: tuple[Recipe, ...],
    base: Recipe | None,
) -> Recipe:
    def make(context: BuildContext) -> None:
        top = context.out / "top.tar"
        with LayerWriter(top) as layer:
            write_top(layer, context)
        layers = [*([context.needs[base.name] / LAYER] if base else []), top]
        write_image(context.out / IMAGE, image.reference, layers, image.config)
        top.unlink()
        if base:
            (context.out / PACKAGES).write_bytes((context.needs[base.name] / PACKAGES).read_bytes())

    whole = {
        "recipe": _PACKED,
        "reference": image.reference,
        "config": asdict(image.config),
        **inputs,
    }
    return Recipe(
        f"image-{image.name}",
        image.version,
        "pack",
        whole,
        make,
        (*needs, *([base] if base else [])),
    )
