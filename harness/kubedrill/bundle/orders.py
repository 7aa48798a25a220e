"""The application bundle: images of the order service and of what it stands on.

No release bundle has any of it.

Its nodes' side is that of a release bundle: the same form, the same role imports it, when the
application is deployed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kubedrill.bundle.build import build_items
from kubedrill.bundle.errors import Unsupported
from kubedrill.bundle.golang import Product, go_recipe
from kubedrill.bundle.images import (
    SAMPLE_APP,
    Image,
    app_files,
    app_inputs,
    files_image,
    image_recipe,
)
from kubedrill.bundle.layers import PYTHON_PACKAGES, debian_layer, python_layer
from kubedrill.bundle.modules_source import image_item
from kubedrill.bundle.oci import PATH, Config
from kubedrill.bundle.releases import NATS_SERVER, POSTGRESQL, SKIPPER
from kubedrill.bundle.wheels import LIBRARY, wheels

if TYPE_CHECKING:
    from pathlib import Path

    from kubedrill.bundle.cache import Cache
    from kubedrill.bundle.progress import BuildProgress
    from kubedrill.bundle.recipes import BuildContext, Item, Recipe

ORDERS_APP = SAMPLE_APP.parent / "orders"
BUNDLE = "orders"
VERSIONS = ("v1", "v2")
PYTHON = "3.13"
"""Of Debian 13, which the wheels are fetched for."""
_USER = "10001"
POSTGRES_ID = 10010
"""User and group of the database's files, wherever Debian's own next number would be."""
DATA_PACKAGES = (f"postgresql-{POSTGRESQL}", "patroni", "python3-pysyncobj", "valkey-server")
_DATA_OPTIONS = (
    # Compiling queries to machine code needs LLVM, 125 MB, and orders need none of it.
    "--dpkgopt=path-exclude=/usr/lib/x86_64-linux-gnu/libLLVM*",
    "--dpkgopt=path-exclude=/usr/lib/x86_64-linux-gnu/libz3*",
    f"--dpkgopt=path-exclude=/usr/lib/postgresql/{POSTGRESQL}/lib/bitcode/*",
    # Patroni makes the database, in a volume; none belongs into the image.
    '--essential-hook=mkdir -p "$1/etc/postgresql-common"',
    (
        '--essential-hook=echo "create_main_cluster = false" > '
        '"$1/etc/postgresql-common/createcluster.conf"'
    ),
    f'--essential-hook=echo "postgres:x:{POSTGRES_ID}:" >> "$1/etc/group"',
    (
        f'--essential-hook=echo "postgres:x:{POSTGRES_ID}:{POSTGRES_ID}::'
        '/var/lib/postgresql:/bin/sh" >> "$1/etc/passwd"'
    ),
)
NATS = Product(
    "nats-server",
    NATS_SERVER,
    ("github.com/nats-io/nats-server/v2",),
    stamps=(f"github.com/nats-io/nats-server/v2/server.serverVersion={NATS_SERVER}",),
)
INGRESS = Product("ingress", SKIPPER, ("kubedrill.dev/bundle/ingress",))
"""Skipper's packages under a small program of ours
(harness/kubedrill/bundle/modules/ingress/main.go says why)."""


def orders_bundle(progress: BuildProgress | None = None, *, cache: Cache | None = None) -> Path:
    """Build the application bundle, or find it in the cache, and return its folder.

    Raises:
        BundleError: see its subclasses; nothing half-made is left behind.
    """
    return build_items(BUNDLE, orders_items(), progress, cache)


def orders_items() -> list[Item]:
    """Return all files of the application bundle, with the recipes that make them.

    Raises:
        Unsupported: this installation has no order service.
    """
    if not (ORDERS_APP / "main.py").is_file():
        raise Unsupported(
            f"{ORDERS_APP}/main.py is missing: the bundle is built from a whole checkout of "
            "kubedrill"
        )
    base = python_layer()
    lock = (ORDERS_APP / "requirements.lock").read_text(encoding="utf-8")
    # Compiled with the image's Python: a pod cannot keep what it compiles, and would at each start.
    library = wheels("wheels-orders", lock, PYTHON, compiled=(base, "/app"))
    data = debian_layer("layer-data", DATA_PACKAGES, _DATA_OPTIONS)
    return [
        _program(NATS, "10020", f"github.com/nats-io/nats-server/v2@{NATS_SERVER}"),
        _program(INGRESS, "10040", f"github.com/zalando/skipper@{SKIPPER}"),
        *(
            image_item(
                image, files_image(image, {}, lambda _: {}, (), data), "", packages=DATA_PACKAGES
            )
            for image in _DATA_IMAGES
        ),
        *(
            image_item(
                image,
                _orders_image(image, library, base),
                "apps/orders/",
                packages=tuple(PYTHON_PACKAGES),
            )
            for image in map(_orders, VERSIONS)
        ),
    ]


def _program(product: Product, user: str, module: str) -> Item:
    """An image of one program of the same name on an empty base."""
    config = Config(entrypoint=[f"/usr/local/bin/{product.name}"], user=f"{user}:{user}")
    image = Image(
        product.name,
        product.version,
        f"docker.io/kubedrill/{product.name}:{product.version}",
        config,
    )
    program = {f"usr/local/bin/{product.name}": (go_recipe(product), product.name)}
    return image_item(image, image_recipe(image, program), f"go module {module}")


_DATA_IMAGES = (
    Image(
        "postgres",
        POSTGRESQL,
        f"docker.io/kubedrill/postgres:{POSTGRESQL}",
        Config(
            entrypoint=["/usr/bin/patroni", "/etc/patroni/patroni.yml"],
            env=[
                f"{PATH}:/usr/lib/postgresql/{POSTGRESQL}/bin",
                "LC_ALL=C.UTF-8",
                "PYTHONUNBUFFERED=1",
            ],
            user=f"{POSTGRES_ID}:{POSTGRES_ID}",
        ),
    ),
    Image(
        "valkey",
        "8",
        "docker.io/kubedrill/valkey:8",
        Config(entrypoint=["/usr/bin/valkey-server"], user="10030:10030"),
    ),
)
"""One Debian layer for both: a node unpacks it once."""


def _orders(version: str) -> Image:
    environment = [PATH, f"APP_VERSION={version}", "PYTHONPATH=/app/lib", "PYTHONUNBUFFERED=1"]
    config = Config(
        entrypoint=["python3", "/app/main.py"],
        env=[*environment, "PYTHONDONTWRITEBYTECODE=1"],
        user=_USER,
        workdir="/app",
    )
    return Image(f"orders-{version}", version, f"docker.io/kubedrill/orders:{version}", config)


def _orders_image(image: Image, packages: Recipe, base: Recipe) -> Recipe:
    """A change below apps/orders/ makes these images anew and nothing else."""

    def files(context: BuildContext) -> dict[str, Path]:
        library = context.needs[packages.name] / LIBRARY
        return {
            **{
                f"app/lib/{path.relative_to(library)}": path
                for path in library.rglob("*")
                if path.is_file()
            },
            **app_files(ORDERS_APP),
        }

    return files_image(image, app_inputs(ORDERS_APP), files, (packages,), base)
