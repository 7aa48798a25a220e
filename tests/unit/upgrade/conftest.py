"""Loads the upgrade's modules; what Ansible finds as ``ansible.module_utils.upgrade_cluster`` is put in its place."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from types import ModuleType

ROOT = Path(__file__).resolve().parents[3]


def load(path: str, name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def cluster() -> ModuleType:
    return load("playbooks/module_utils/upgrade_cluster.py", "ansible.module_utils.upgrade_cluster")


@pytest.fixture(scope="session")
def pods(cluster: ModuleType) -> ModuleType:
    assert cluster
    return load("playbooks/module_utils/static_pods.py", "ansible.module_utils.static_pods")


@pytest.fixture(scope="session")
def swap(pods: ModuleType) -> ModuleType:
    assert pods
    return load("roles/upgrade/library/control_plane_swap.py", "kubedrill_control_plane_swap")


@pytest.fixture(scope="session")
def state(cluster: ModuleType) -> ModuleType:
    assert cluster
    return load("playbooks/library/upgrade_cluster_state.py", "kubedrill_upgrade_cluster_state")


@pytest.fixture(scope="session")
def node_state(cluster: ModuleType) -> ModuleType:
    assert cluster
    return load("playbooks/library/upgrade_state.py", "kubedrill_upgrade_state")


@pytest.fixture(scope="session")
def haproxy() -> ModuleType:
    return load("playbooks/library/haproxy_server.py", "kubedrill_haproxy_server")


@pytest.fixture(scope="session")
def leader(cluster: ModuleType) -> ModuleType:
    assert cluster
    return load("roles/upgrade/library/etcd_leader.py", "kubedrill_etcd_leader")


@pytest.fixture(scope="session")
def plan() -> ModuleType:
    return load("roles/upgrade/filter_plugins/upgrade_plan.py", "kubedrill_upgrade_plan")


@pytest.fixture(scope="session")
def drain() -> ModuleType:
    return load("roles/drain/filter_plugins/drain_blockers.py", "kubedrill_drain_blockers")


@pytest.fixture(scope="session")
def rollback_files(cluster: ModuleType) -> ModuleType:
    assert cluster
    return load("roles/rollback/module_utils/rollback_files.py", "ansible.module_utils.rollback_files")


@pytest.fixture(scope="session")
def rollback_step(rollback_files: ModuleType, pods: ModuleType) -> ModuleType:
    assert rollback_files
    assert pods
    return load("roles/rollback/library/rollback_step.py", "kubedrill_rollback_step")


@pytest.fixture(scope="session")
def rollback_snapshot() -> ModuleType:
    return load("roles/rollback/library/rollback_snapshot.py", "kubedrill_rollback_snapshot")


@pytest.fixture(scope="session")
def rollback_plan() -> ModuleType:
    return load("roles/rollback/filter_plugins/rollback_plan.py", "kubedrill_rollback_plan")
