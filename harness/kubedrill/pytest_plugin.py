"""pytest plugin: options and fixtures for suites that check a live cluster.

Inactive until a test asks for one of its fixtures: without ``--inventory`` that fails and says what
to do, it is never skipped. Fixtures of one session share one set of connections.

::

    pytest tests/acceptance --inventory inventories/local
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from kubedrill.base.errors import KubedrillError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kubedrill.base.model import Node
    from kubedrill.cluster.api import ClusterApi
    from kubedrill.cluster.hosts import Hosts
    from kubedrill.cluster.inventory import Inventory
    from kubedrill.config import Settings

NODE_FIXTURES = {"node": "nodes", "control_plane": "control_planes", "worker": "workers"}
"""Fixture that a test is repeated for → which nodes of the inventory."""

_INVENTORY: pytest.StashKey[Inventory] = pytest.StashKey()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of this plugin."""
    group = parser.getgroup("kubedrill", "checks of a live cluster")
    group.addoption(
        "--inventory", metavar="PATH", help="Ansible inventory that describes the cluster"
    )
    group.addoption(
        "--kubedrill-config",
        metavar="FILE",
        help="settings (default: kubedrill.yml where it exists)",
    )
    group.addoption(
        "--kubernetes-version", metavar="X.Y.Z", help="expected version (default: the inventory's)"
    )
    group.addoption(
        "--drills",
        metavar="NAMES",
        default="",
        help="drills to run, separated by commas, 'all' or 'none'; without it the standard ones",
    )
    group.addoption(
        "--drill-seed",
        metavar="N",
        type=int,
        default=None,
        help="seed of the drills' random choices",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Register the markers."""
    config.addinivalue_line("markers", "node: a check of each node over SSH")
    config.addinivalue_line("markers", "cluster: a check of the cluster through its API")
    config.addinivalue_line("markers", "app: a check that deploys the sample application")
    config.addinivalue_line("markers", "drill: breaks something on purpose and judges the outage")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Repeat a test for every node (fixtures ``node``, ``control_plane``, ``worker``) of the inventory."""
    wanted = [name for name in NODE_FIXTURES if name in metafunc.fixturenames]
    if not wanted:
        return
    inventory = _inventory(metafunc.config)
    for name in wanted:
        nodes = getattr(inventory, NODE_FIXTURES[name])
        metafunc.parametrize(name, nodes, ids=[node.name for node in nodes], scope="session")


def _inventory(config: pytest.Config) -> Inventory:
    from kubedrill.cluster.inventory import Inventory  # noqa: PLC0415 - only suites for live clusters pay for it

    if _INVENTORY not in config.stash:
        path = config.getoption("--inventory")
        try:
            if not path:
                raise UsageError(
                    "these tests need a cluster: add --inventory PATH, such as inventories/local"
                )
            config.stash[_INVENTORY] = Inventory.load(path)
        except KubedrillError as error:
            raise pytest.UsageError(str(error)) from error
    return config.stash[_INVENTORY]


@pytest.fixture(scope="session")
def inventory(pytestconfig: pytest.Config) -> Inventory:
    """The inventory of ``--inventory``."""
    return _inventory(pytestconfig)


@pytest.fixture(scope="session")
def settings(pytestconfig: pytest.Config) -> Settings:
    """The settings of ``--kubedrill-config``."""
    from kubedrill.config import load_settings  # noqa: PLC0415 - see _inventory
    from kubedrill.drills import ALL  # noqa: PLC0415 - see _inventory

    path = pytestconfig.getoption("--kubedrill-config")
    return load_settings(Path(path) if path else None, ALL)


@pytest.fixture(scope="session")
def hosts(inventory: Inventory, settings: Settings) -> Iterator[Hosts]:
    """SSH to the nodes, for the whole session."""
    from kubedrill.cluster.hosts import Hosts  # noqa: PLC0415 - see _inventory

    with Hosts(inventory, settings) as opened:
        yield opened


@pytest.fixture(scope="session")
def api(inventory: Inventory, hosts: Hosts, settings: Settings) -> Iterator[ClusterApi]:
    """The cluster's API through the virtual address, for the whole session."""
    from kubedrill.cluster.api import ClusterApi  # noqa: PLC0415 - see _inventory

    with ClusterApi.connect(inventory, hosts, settings) as connected:
        yield connected


@pytest.fixture
def ti(node: Node, hosts: Hosts) -> object:
    """The testinfra host of ``node``."""
    return hosts.testinfra(node)
