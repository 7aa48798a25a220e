"""Fixtures that several folders of tests share."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from kubedrill.acceptance.fixtures import *  # noqa: F403 - fixtures of live suites
from kubedrill.base import redact
from kubedrill.base.model import Node
from kubedrill.cluster.inventory import Inventory


@pytest.fixture(autouse=True)
def _know_no_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no test's secrets be taken out of another test's texts."""
    monkeypatch.setattr(redact, "_current", redact.Redactor())


@pytest.fixture
def make_inventory() -> Any:
    """Give a factory of inventories without Ansible: counts of nodes and shared variables."""

    def make(cp: int = 3, workers: int = 2, **shared: Any) -> Inventory:
        values = {
            "cluster_name": "test",
            "cluster_kubernetes_version": "1.35.4",
            "cluster_virtual_address": "172.31.77.10",
            "cluster_api_port": 8443,
            **shared,
        }
        planes = [
            Node(f"cp{i}", f"172.31.77.{10 + i}", ("control_plane",), values)
            for i in range(1, cp + 1)
        ]
        rest = [
            Node(f"w{i}", f"172.31.77.{20 + i}", ("worker",), values) for i in range(1, workers + 1)
        ]
        return Inventory(Path("inventories/test"), "test", (*planes, *rest), values)

    return make
