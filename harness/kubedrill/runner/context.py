"""What all drills of a run share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from kubedrill.apps import Application
    from kubedrill.base.plan import Baseline
    from kubedrill.cluster.context import Cluster
    from kubedrill.core.drill import Drill
    from kubedrill.core.progress import Progress
    from kubedrill.runner.lease import ClusterLease
    from kubedrill.runner.replay import Replay
    from kubedrill.runner.signals import Stop


@dataclass(frozen=True)
class RunContext:
    """What all drills of a run share."""

    cluster: Cluster
    app: Application
    progress: Progress
    stop: Stop
    seed: int
    directory: Path
    lease: ClusterLease
    replay: Replay | None = None
    baselines: Sequence[Baseline] = ()

    def record_path(self, drill: Drill) -> Path:
        """Where a drill's record stands."""
        return self.directory / "record" / f"{drill.name}.jsonl"
