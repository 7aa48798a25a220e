"""The pytest plugin: options and fixtures for checks of a live cluster.

Every name begins with ``kubedrill``, so that the plugin disturbs no other suite of the same
environment. A fixture that cannot be had fails and says what to do; it is never skipped. Fixtures
of one session share one set of connections.

::

    pytest --pyargs kubedrill.acceptance --inventory inventories/local
    pytest my_checks --kubedrill-inventory inventories/local

pytest-testinfra, which kubedrill uses as a library, is a plugin too and has an option that
pytest-ansible has: where both are installed, add ``-p no:pytest11.testinfra``.
"""

from __future__ import annotations

import argparse
import contextlib
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

NODE_FIXTURES = {
    "kubedrill_node": "nodes",
    "kubedrill_control_plane": "control_planes",
    "kubedrill_worker": "workers",
}
"""Fixture that a test is repeated for → which nodes of the inventory."""
ACCEPTANCE = "kubedrill.acceptance"

_INVENTORY: pytest.StashKey[Inventory] = pytest.StashKey()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of this plugin."""
    group = parser.getgroup("kubedrill", "checks of a live cluster")
    group.addoption(
        "--kubedrill-inventory",
        metavar="PATH",
        help="Ansible inventory of the cluster; the acceptance suite takes --inventory too",
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
        default="none",
        help="drills to run: names separated by commas, 'standard' or 'all' (default: none)",
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
    config.addinivalue_line("markers", "cis: a control of the CIS Kubernetes Benchmark")
    config.addinivalue_line("markers", "drill: breaks something on purpose and judges the outage")


def add_inventory_option(parser: pytest.Parser) -> None:
    """Add the short ``--inventory`` unless another plugin, such as pytest-ansible, has it."""
    group = parser.getgroup("kubedrill")
    with contextlib.suppress(ValueError, argparse.ArgumentError):
        group.addoption("--inventory", metavar="PATH", help="the same as --kubedrill-inventory")


def pytest_load_initial_conftests(
    early_config: pytest.Config, parser: pytest.Parser, args: list[str]
) -> None:
    """Add the short option where the suite is named as a package.

    pytest loads the conftest.py of ``--pyargs`` only after it has read the command line.
    """
    packages = {arg.partition("::")[0] for arg in args}
    if early_config.known_args_namespace.pyargs and any(
        name == ACCEPTANCE or name.startswith(f"{ACCEPTANCE}.") for name in packages
    ):
        add_inventory_option(parser)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Repeat a test for every node of its kind in the inventory: see :data:`NODE_FIXTURES`."""
    for name, group in NODE_FIXTURES.items():
        if name in metafunc.fixturenames:
            nodes = getattr(load_inventory(metafunc.config), group)
            metafunc.parametrize(name, nodes, ids=[node.name for node in nodes], scope="session")


def inventory_path(config: pytest.Config) -> str | None:
    """Return the inventory that the command line names, None where it names none.

    pytest-ansible's ``--inventory`` has a list of paths as its default, which nobody named.
    """
    path = config.getoption("--kubedrill-inventory") or config.getoption("--inventory", None)
    return path if isinstance(path, str) else None


def load_inventory(config: pytest.Config) -> Inventory:
    """Return the inventory that the command line names.

    Raises:
        pytest.UsageError: it names none, or one with mistakes.
    """
    # only suites for live clusters pay for it
    from kubedrill.cluster.inventory import Inventory  # noqa: PLC0415

    if _INVENTORY not in config.stash:
        path = inventory_path(config)
        try:
            if not path:
                raise UsageError(
                    "these tests need a cluster: "
                    "add --kubedrill-inventory PATH, such as inventories/local"
                )
            config.stash[_INVENTORY] = Inventory.load(path)
        except KubedrillError as error:
            raise pytest.UsageError(str(error)) from error
    return config.stash[_INVENTORY]


@pytest.fixture(scope="session")
def kubedrill_inventory(pytestconfig: pytest.Config) -> Inventory:
    """The inventory of ``--kubedrill-inventory``."""
    return load_inventory(pytestconfig)


@pytest.fixture(scope="session")
def kubedrill_settings(pytestconfig: pytest.Config) -> Settings:
    """The settings of ``--kubedrill-config``."""
    from kubedrill.config import load_settings  # noqa: PLC0415 - see load_inventory
    from kubedrill.drills import ALL  # noqa: PLC0415 - see load_inventory

    path = pytestconfig.getoption("--kubedrill-config")
    return load_settings(Path(path) if path else None, ALL)


@pytest.fixture(scope="session")
def kubedrill_hosts(
    kubedrill_inventory: Inventory, kubedrill_settings: Settings
) -> Iterator[Hosts]:
    """SSH to the nodes, for the whole session."""
    from kubedrill.cluster.connections import require_connections  # noqa: PLC0415 - see load_inventory
    from kubedrill.cluster.hosts import Hosts  # noqa: PLC0415 - see load_inventory

    with Hosts(kubedrill_inventory, kubedrill_settings) as opened:
        try:
            require_connections(opened)
        except KubedrillError as error:
            pytest.exit(str(error), returncode=error.exit_code)
        yield opened


@pytest.fixture(scope="session")
def kubedrill_api(
    kubedrill_inventory: Inventory, kubedrill_hosts: Hosts, kubedrill_settings: Settings
) -> Iterator[ClusterApi]:
    """The cluster's API through the virtual address, for the whole session."""
    from kubedrill.cluster.api import ClusterApi  # noqa: PLC0415 - see load_inventory

    with ClusterApi.connect(kubedrill_inventory, kubedrill_hosts, kubedrill_settings) as connected:
        yield connected


@pytest.fixture
def kubedrill_testinfra(kubedrill_node: Node, kubedrill_hosts: Hosts) -> object:
    """The testinfra host of ``kubedrill_node``."""
    return kubedrill_hosts.testinfra(kubedrill_node)
