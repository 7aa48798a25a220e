"""Loads the upgrade's modules; what Ansible finds as ``ansible.module_utils.upgrade_cluster`` is put in its place."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from types import ModuleType

ROLES = Path(__file__).resolve().parents[3] / "roles"


def load(path: str, name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROLES / path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def cluster() -> ModuleType:
    return load("upgrade/module_utils/upgrade_cluster.py", "ansible.module_utils.upgrade_cluster")


@pytest.fixture(scope="session")
def swap(cluster: ModuleType) -> ModuleType:
    assert cluster
    return load("upgrade/library/control_plane_swap.py", "kubedrill_control_plane_swap")


@pytest.fixture(scope="session")
def state(cluster: ModuleType) -> ModuleType:
    assert cluster
    return load("upgrade/library/upgrade_cluster_state.py", "kubedrill_upgrade_cluster_state")


@pytest.fixture(scope="session")
def haproxy() -> ModuleType:
    return load("upgrade/library/haproxy_server.py", "kubedrill_haproxy_server")


@pytest.fixture(scope="session")
def leader(cluster: ModuleType) -> ModuleType:
    assert cluster
    return load("upgrade/library/etcd_leader.py", "kubedrill_etcd_leader")


@pytest.fixture(scope="session")
def plan() -> ModuleType:
    return load("upgrade/filter_plugins/upgrade_plan.py", "kubedrill_upgrade_plan")


@pytest.fixture(scope="session")
def drain() -> ModuleType:
    return load("drain/filter_plugins/drain_blockers.py", "kubedrill_drain_blockers")
