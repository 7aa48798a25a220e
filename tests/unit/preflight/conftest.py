"""Loads the roles' plugins, which are files beside the roles and no package."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from types import ModuleType

ROLES = Path(__file__).resolve().parents[3] / "roles"


def load(path: str) -> ModuleType:
    name = "kubedrill_role_" + path.replace("/", "_").removesuffix(".py")
    spec = importlib.util.spec_from_file_location(name, ROLES / path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def inventory_rules() -> ModuleType:
    return load("preflight/filter_plugins/preflight_inventory.py")


@pytest.fixture(scope="session")
def node_rules() -> ModuleType:
    return load("preflight/filter_plugins/preflight_nodes.py")


@pytest.fixture(scope="session")
def bundle_rules() -> ModuleType:
    return load("preflight/lookup_plugins/preflight_bundle.py")


@pytest.fixture(scope="session")
def repeated() -> ModuleType:
    return load("preflight/lookup_plugins/preflight_repeated_hosts.py")
