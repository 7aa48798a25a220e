"""Short names for the plugin's fixtures and its option, for suites that only check clusters.

A conftest.py takes them by ``from kubedrill.acceptance.fixtures import *``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from kubedrill.pytest_plugin import add_inventory_option

if TYPE_CHECKING:
    from kubedrill.base.model import Node
    from kubedrill.cluster.api import ClusterApi
    from kubedrill.cluster.hosts import Hosts
    from kubedrill.cluster.inventory import Inventory
    from kubedrill.config import Settings

__all__ = [
    "api",
    "control_plane",
    "hosts",
    "inventory",
    "node",
    "pytest_addoption",
    "settings",
    "ti",
    "worker",
]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--inventory``."""
    add_inventory_option(parser)


@pytest.fixture(scope="session")
def inventory(kubedrill_inventory: Inventory) -> Inventory:
    """The cluster's inventory."""
    return kubedrill_inventory


@pytest.fixture(scope="session")
def settings(kubedrill_settings: Settings) -> Settings:
    """The settings."""
    return kubedrill_settings


@pytest.fixture(scope="session")
def hosts(kubedrill_hosts: Hosts) -> Hosts:
    """SSH to the nodes."""
    return kubedrill_hosts


@pytest.fixture(scope="session")
def api(kubedrill_api: ClusterApi) -> ClusterApi:
    """The cluster's API."""
    return kubedrill_api


@pytest.fixture
def node(kubedrill_node: Node) -> Node:
    """Each node in turn."""
    return kubedrill_node


@pytest.fixture
def control_plane(kubedrill_control_plane: Node) -> Node:
    """Each control plane in turn."""
    return kubedrill_control_plane


@pytest.fixture
def worker(kubedrill_worker: Node) -> Node:
    """Each worker in turn."""
    return kubedrill_worker


@pytest.fixture
def ti(kubedrill_testinfra: object) -> object:
    """The testinfra host of ``node``."""
    return kubedrill_testinfra
