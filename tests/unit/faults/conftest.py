"""Real members of etcd, where the bundle's programs are at hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from etcd_nodes import EtcdNodes, find_etcd

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def etcd(tmp_path: Path) -> Iterator[EtcdNodes]:
    """Three control planes with a member each."""
    programs = find_etcd()
    if programs is None:
        pytest.skip("etcd's programs are not in the cache; run: kubedrill bundle build")
    (tmp_path / "nodes").mkdir()
    nodes = EtcdNodes(tmp_path / "nodes", programs)
    try:
        nodes.start()
        yield nodes
    finally:
        nodes.stop()
