"""The collection's upgrade and rollback modules."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from types import ModuleType


@pytest.fixture(scope="session")
def cluster() -> ModuleType:
    return import_module(
        "ansible_collections.kubedrill.kubeadm.plugins.module_utils.upgrade_cluster"
    )


@pytest.fixture(scope="session")
def pods() -> ModuleType:
    return import_module("ansible_collections.kubedrill.kubeadm.plugins.module_utils.static_pods")


@pytest.fixture(scope="session")
def swap() -> ModuleType:
    return import_module("ansible_collections.kubedrill.kubeadm.plugins.modules.control_plane_swap")


@pytest.fixture(scope="session")
def state() -> ModuleType:
    return import_module(
        "ansible_collections.kubedrill.kubeadm.plugins.modules.upgrade_cluster_state"
    )


@pytest.fixture(scope="session")
def node_state() -> ModuleType:
    return import_module("ansible_collections.kubedrill.kubeadm.plugins.modules.upgrade_state")


@pytest.fixture(scope="session")
def haproxy() -> ModuleType:
    return import_module("ansible_collections.kubedrill.kubeadm.plugins.modules.haproxy_server")


@pytest.fixture(scope="session")
def leader() -> ModuleType:
    return import_module("ansible_collections.kubedrill.kubeadm.plugins.modules.etcd_leader")


@pytest.fixture(scope="session")
def plan() -> ModuleType:
    return import_module("ansible_collections.kubedrill.kubeadm.plugins.filter.upgrade_plan")


@pytest.fixture(scope="session")
def rollback_files() -> ModuleType:
    return import_module(
        "ansible_collections.kubedrill.kubeadm.plugins.module_utils.rollback_files"
    )


@pytest.fixture(scope="session")
def rollback_step() -> ModuleType:
    return import_module("ansible_collections.kubedrill.kubeadm.plugins.modules.rollback_step")


@pytest.fixture(scope="session")
def rollback_snapshot() -> ModuleType:
    return import_module("ansible_collections.kubedrill.kubeadm.plugins.modules.rollback_snapshot")


@pytest.fixture(scope="session")
def rollback_plan() -> ModuleType:
    return import_module("ansible_collections.kubedrill.kubeadm.plugins.filter.rollback_plan")
