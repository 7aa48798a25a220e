"""What a deployment lacks, what is told of it, and when waiting is given up."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from kubernetes.client import V1DeploymentCondition, V1DeploymentStatus

from kubedrill.base.errors import StepFailed
from kubedrill.orders import progress
from kubedrill.orders.manifests import DEPLOYMENTS, STATEFUL
from kubedrill.orders.progress import Completeness, timeline

BEGAN = datetime(2026, 11, 21, 17, 0, tzinfo=UTC)


def workload(name: str, ready: int = 1) -> Any:
    status = V1DeploymentStatus(
        observed_generation=1,
        updated_replicas=1,
        ready_replicas=ready,
        available_replicas=ready,
        replicas=1,
    )
    status.conditions = []
    return SimpleNamespace(
        metadata=SimpleNamespace(name=name, generation=1),
        spec=SimpleNamespace(replicas=1),
        status=status,
    )


class Cluster:
    """Lists what a test puts into it, and counts how often pods were asked for."""

    def __init__(self) -> None:
        self.stateful, self.deployments = (
            list(map(workload, STATEFUL)),
            list(map(workload, DEPLOYMENTS)),
        )
        self.listed: list[Any] = []
        self.asked_pods = 0
        self.client = None
        self.apps = SimpleNamespace(
            list_namespaced_stateful_set=lambda *_, **__: SimpleNamespace(items=self.stateful),
            list_namespaced_deployment=lambda *_, **__: SimpleNamespace(items=self.deployments),
        )

    def pods(self, *_: str) -> list[Any]:
        self.asked_pods += 1
        return self.listed


@pytest.fixture
def cluster() -> Cluster:
    return Cluster()


@pytest.fixture
def migration(monkeypatch: pytest.MonkeyPatch) -> dict[str, str | None]:
    missing: dict[str, str | None] = {"is": None}
    monkeypatch.setattr(
        progress, "Migration", lambda *_: SimpleNamespace(missing=lambda: missing["is"])
    )
    return missing


def looking(cluster: Cluster) -> tuple[Completeness, list[str]]:
    output: list[str] = []
    return Completeness(cluster, "v1", output.append), output  # type: ignore[arg-type]


def test_each_part_is_reported_once_when_it_is_complete(
    cluster: Cluster, migration: dict[str, str | None]
) -> None:
    migration["is"] = "migrate-v1 has not ended"
    cluster.stateful[1] = workload("database", ready=0)
    del cluster.deployments[-1]
    result, output = looking(cluster)
    lacking = str(result.missing())
    assert "database: 0 ready, 0 available, expected 1" in lacking
    assert f"{DEPLOYMENTS[-1]}: it does not exist" in lacking
    assert "migration: migrate-v1 has not ended" in lacking
    assert output == [f"{name} is complete" for name in sorted({"queue", *DEPLOYMENTS[:-1]})]
    output.clear()
    cluster.stateful[1], migration["is"] = workload("database"), None
    cluster.deployments.append(workload(DEPLOYMENTS[-1]))
    assert result.missing() is None
    assert output == [
        f"{name} is complete" for name in sorted(["database", DEPLOYMENTS[-1], "migration"])
    ]


def test_pods_are_asked_for_seldom_and_a_missing_image_ends_the_wait(
    cluster: Cluster, migration: dict[str, str | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    migration["is"] = "migrate-v1 has not ended"
    waiting = SimpleNamespace(
        waiting=SimpleNamespace(reason="ImagePullBackOff", message="no such image")
    )
    pod = SimpleNamespace(
        metadata=SimpleNamespace(name="web-1"), spec=SimpleNamespace(node_name="w1")
    )
    pod.status = SimpleNamespace(container_statuses=[SimpleNamespace(state=waiting)])
    cluster.listed = [pod]
    result, _ = looking(cluster)
    for _view in range(4):
        assert result.missing() == "migration: migrate-v1 has not ended"
        now[0] += 1
    assert cluster.asked_pods == 0
    now[0] += 1
    with pytest.raises(
        StepFailed, match=r"pod web-1 on w1: ImagePullBackOff no such image\. Images come from"
    ):
        result.missing()


def test_a_rollout_that_was_given_up_ends_the_wait_and_that_of_an_older_spec_does_not(
    cluster: Cluster, migration: dict[str, str | None]
) -> None:
    assert migration["is"] is None
    stuck = workload("web", ready=0)
    stuck.status.conditions = [
        V1DeploymentCondition(
            type="Progressing",
            status="False",
            reason="ProgressDeadlineExceeded",
            message="no progress",
        )
    ]
    stuck.metadata.generation = 2
    cluster.deployments[DEPLOYMENTS.index("web")] = stuck
    result, _ = looking(cluster)
    assert "web: its controller has not seen the newest spec" in str(result.missing())
    stuck.status.observed_generation = 2
    with pytest.raises(StepFailed, match="the rollout of web was given up: no progress"):
        result.missing()


def pod(
    name: str, made: int, *, ready: int | None = None, ended: int | None = None, restarts: int = 0
) -> Any:
    def at(seconds: int) -> datetime:
        return BEGAN + timedelta(seconds=seconds)

    conditions = [
        SimpleNamespace(type="PodScheduled", status="True", last_transition_time=at(made + 3))
    ]
    ready_at = at(made if ready is None else ready)
    conditions.append(
        SimpleNamespace(
            type="Ready", status="False" if ready is None else "True", last_transition_time=ready_at
        )
    )
    terminated = (
        None if ended is None else SimpleNamespace(started_at=at(made + 4), finished_at=at(ended))
    )
    running = SimpleNamespace(started_at=at(made + 4)) if ended is None else None
    state = SimpleNamespace(running=running, terminated=terminated)
    return SimpleNamespace(
        metadata=SimpleNamespace(name=name, uid=f"uid of {name}", creation_timestamp=at(made)),
        spec=SimpleNamespace(node_name="w1"),
        status=SimpleNamespace(
            conditions=conditions,
            container_statuses=[SimpleNamespace(state=state, restart_count=restarts)],
        ),
    )


def test_the_timeline_tells_of_new_pods_by_when_they_were_ready() -> None:
    pods = [
        pod("database-0", 2, ready=30),
        pod("migrate-v1", 5, ended=33, restarts=2),
        pod("web-1", 5, ready=12),
        pod("older", -60, ready=1),
    ]
    assert timeline(pods, {"uid of older"}) == [
        "web-1 on w1: made 3 s, scheduled 6 s, started 7 s, ready 10 s",
        "database-0 on w1: made 0 s, scheduled 3 s, started 4 s, ready 28 s",
        "migrate-v1 on w1: made 3 s, scheduled 6 s, started 7 s, ended 31 s, 2 restarts",
    ]
    assert timeline([], set()) == []


def test_a_pod_that_nothing_happened_to_yet_was_made_at_least() -> None:
    waiting = pod("web-1", 0)
    waiting.status = SimpleNamespace(conditions=None, container_statuses=None)
    waiting.spec.node_name = None
    assert timeline([waiting], set()) == ["web-1 on no node: made 0 s"]
