"""The order service on real servers, once for each file of tests that asks for it."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import pytest
from psycopg import connect

from kubedrill.bundle.cache import Cache
from kubedrill.bundle.golang import Product, go_recipe
from kubedrill.bundle.orders import INGRESS, NATS
from kubedrill.bundle.progress import Silent
from kubedrill.bundle.scheduler import make_parts, missing_parts, part_folder
from kubedrill.bundle.toolchain import require_build_host

sys.path.insert(0, str(Path(__file__).parent))

from orders_ingress import Backend, Ingress
from orders_stack import Stack

if TYPE_CHECKING:
    from collections.abc import Iterator


def _built(product: Product) -> Path:
    """Return a program, built where the cache lacks it (at most 2 minutes on 2 cores)."""
    cache, progress, recipe = Cache(), Silent(), go_recipe(product)
    if missing_parts(cache, [recipe]):
        with cache.locked(progress.message):
            missing = missing_parts(cache, [recipe])
            require_build_host(cache.root, compiles=bool(missing), debian=False)
            make_parts(missing, cache, progress)
    return part_folder(cache, recipe) / product.name


@pytest.fixture(scope="session")
def nats_server() -> Path:
    """The queue's server as the image holds it."""
    return _built(NATS)


@pytest.fixture(scope="module")
def stack(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    nats_server: Path,
    postgres_server: str,
) -> Iterator[Stack]:
    """A running order service of this file's own."""
    if shutil.which("redis-server") is None:
        pytest.skip("no redis-server here: make setup-test installs it")
    folder = parse_qs(urlsplit(postgres_server.replace("{}", "x")).query)["host"][0]
    name = f"orders_{os.getpid()}_{request.module.__name__.rpartition('.')[2]}"
    with connect(f"host={folder} user=drills dbname=postgres", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    stack = Stack(
        tmp_path_factory.mktemp("orders"), nats_server, f"host={folder} user=drills dbname={name}"
    )
    try:
        stack.up()
        yield stack
    finally:
        stack.close()


@pytest.fixture(scope="session")
def ingress_controller() -> Path:
    """The ingress controller as the image holds it."""
    return _built(INGRESS)


@pytest.fixture
def ingress(ingress_controller: Path, tmp_path: Path) -> Iterator[Ingress]:
    """A running ingress of this test's own."""
    Backend.go.clear()
    result = Ingress(ingress_controller, tmp_path)
    try:
        yield result
    finally:
        result.close()
