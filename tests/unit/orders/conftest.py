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

from kubedrill.bundle.orders import ingress_program, nats_server_program

sys.path.insert(0, str(Path(__file__).parent))

from orders_ingress import Backend, Ingress
from orders_stack import Stack

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def nats_server() -> Path:
    """The queue's server as the image holds it."""
    return nats_server_program()


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
    return ingress_program()


@pytest.fixture
def ingress(ingress_controller: Path, tmp_path: Path) -> Iterator[Ingress]:
    """A running ingress of this test's own."""
    Backend.go.clear()
    found = Ingress(ingress_controller, tmp_path)
    try:
        yield found
    finally:
        found.close()
