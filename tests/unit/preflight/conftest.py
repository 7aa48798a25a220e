"""The collection's preflight plugins."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from types import ModuleType


@pytest.fixture(scope="session")
def inventory_rules() -> ModuleType:
    return import_module("ansible_collections.kubedrill.kubeadm.plugins.filter.preflight_inventory")


@pytest.fixture(scope="session")
def node_rules() -> ModuleType:
    return import_module("ansible_collections.kubedrill.kubeadm.plugins.filter.preflight_nodes")


@pytest.fixture(scope="session")
def address_rules() -> ModuleType:
    return import_module("ansible_collections.kubedrill.kubeadm.plugins.filter.preflight_addresses")


@pytest.fixture(scope="session")
def limit_rules() -> ModuleType:
    return import_module("ansible_collections.kubedrill.kubeadm.plugins.filter.preflight_limit")


@pytest.fixture(scope="session")
def bundle_rules() -> ModuleType:
    return import_module("ansible_collections.kubedrill.kubeadm.plugins.lookup.preflight_bundle")


@pytest.fixture(scope="session")
def repeated() -> ModuleType:
    return import_module(
        "ansible_collections.kubedrill.kubeadm.plugins.module_utils.inventory_files"
    )
