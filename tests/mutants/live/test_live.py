"""The harness calls each live mutant what it is.

Needs ``--inventory``: a healthy cluster that may be drilled.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import app_mutants
import cluster_mutants
import harness_mutants
import ledger_mutants
import pytest
from livekit import LIVE, Cluster, LiveMutant

from kubedrill.base.waits import Waiting, wait_for
from kubedrill.cluster.health import find_problems

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from kubedrill.cluster.api import ClusterApi
    from kubedrill.cluster.hosts import Hosts
    from kubedrill.cluster.inventory import Inventory
    from kubedrill.config import Settings

pytestmark = pytest.mark.live
GROUPS = (app_mutants, cluster_mutants, harness_mutants, ledger_mutants)


@pytest.fixture
def cluster(  # noqa: PLR0917 - fixtures
    inventory: Inventory,
    settings: Settings,
    hosts: Hosts,
    api: ClusterApi,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> Iterator[Cluster]:
    """The cluster, healthy before and after, whatever the mutant did to it."""
    assert inventory.drills_allowed, f"{inventory.path} does not say drills_allowed: true"
    healthy(inventory, hosts, api, settings)
    yield Cluster(
        inventory,
        settings.model_copy(update={"reports_dir": tmp_path / "reports"}),
        hosts,
        api,
        monkeypatch,
    )
    healthy(inventory, hosts, api, settings)


def healthy(inventory: Inventory, hosts: Hosts, api: ClusterApi, settings: Settings) -> None:
    """Wait until nothing is wrong with the cluster (timeouts.recovery)."""

    def missing() -> bool | Waiting:
        problems = find_problems(api, hosts, inventory)
        return Waiting("; ".join(problems)) if problems else True

    seconds = settings.timeouts.recovery
    wait_for("the cluster to be healthy", missing, seconds=seconds, setting="recovery", poll_s=2.0)


@pytest.mark.parametrize("mutant", LIVE.values(), ids=list(LIVE))
def test_live_mutant(mutant: LiveMutant, cluster: Cluster, pytestconfig: pytest.Config) -> None:
    capture: Any = pytestconfig.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled(), mutant.plant(cluster):
        called, reason = mutant.run(cluster)
    assert called is mutant.called, reason
    assert mutant.reason in reason
