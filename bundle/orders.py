"""The application bundle: images of the order service and of what it stands on. No release bundle has any of it.

Its nodes' side is that of a release bundle: the same form, the same role imports it, when the application is deployed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bundle.cache import Cache
from bundle.golang import Product, go_recipe
from bundle.progress import BuildProgress, Silent
from bundle.releases import NATS_SERVER
from bundle.scheduler import make_parts, missing_parts, part_folder
from bundle.toolchain import require_build_host

if TYPE_CHECKING:
    from pathlib import Path

NATS = Product(
    "nats-server",
    NATS_SERVER,
    ("github.com/nats-io/nats-server/v2",),
    stamps=(f"github.com/nats-io/nats-server/v2/server.serverVersion={NATS_SERVER}",),
)


def nats_server_program(cache: Cache | None = None, progress: BuildProgress | None = None) -> Path:
    """Return the queue's server, built where the cache lacks it (20 s on 2 cores): tests run the one that images hold.

    Raises:
        BundleError: see its subclasses.
    """
    cache, progress = cache or Cache(), progress or Silent()
    recipe = go_recipe(NATS)
    if missing_parts(cache, [recipe]):
        with cache.locked(progress.say):
            missing = missing_parts(cache, [recipe])
            require_build_host(cache.root, compiles=bool(missing), debian=False)
            make_parts(missing, cache, progress)
    return part_folder(cache, recipe) / "nats-server"
