"""What the order service's drills choose, and when they say that they cannot be run."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest
from kubernetes.client import ApiException, V1PodCondition

from kubedrill.base.errors import StepFailed
from kubedrill.drills.order_drills import DRILLS, stream_leader
from kubedrill.orders.ledger import ACKNOWLEDGED, NS, Ledger, Write, longest_pause_s

BY_PART = {drill.part: drill for drill in DRILLS}


def pod(name: str, role: str = "", ready: str = "True") -> Any:
    labels = {"app.kubernetes.io/name": name.rpartition("-")[0], "kubedrill/role": role}
    return SimpleNamespace(
        metadata=SimpleNamespace(name=name, labels=labels, deletion_timestamp=None),
        status=SimpleNamespace(
            phase="Running", conditions=[V1PodCondition(type="Ready", status=ready)]
        ),
        spec=SimpleNamespace(node_name="w1"),
    )


def survey(*pods: Any, deployed: bool = True, problem: str | None = None, jsz: Any = None) -> Any:
    def listed(_namespace: str, selector: str = "") -> list[Any]:
        name = selector.partition("app.kubernetes.io/name=")[2]
        return [p for p in pods if not name or p.metadata.labels["app.kubernetes.io/name"] == name]

    def web(*_: Any) -> Any:
        if not deployed:
            raise ApiException(status=404)
        container = SimpleNamespace(image="docker.io/kubedrill/orders:v1")
        return SimpleNamespace(
            spec=SimpleNamespace(
                replicas=1, template=SimpleNamespace(spec=SimpleNamespace(containers=[container]))
            )
        )

    apps = SimpleNamespace(read_namespaced_deployment=web)
    core = SimpleNamespace(
        list_namespaced_persistent_volume_claim=lambda _: SimpleNamespace(items=[])
    )
    api = SimpleNamespace(
        pods=listed,
        apps=apps,
        core=core,
        client=None,
        rollout_problem=lambda *_: problem,
        workload=web,
        pod_get=lambda _namespace, name, *_: json.dumps((jsz or {}).get(name, {})),
    )
    return SimpleNamespace(cluster=SimpleNamespace(api=api, settings=None))


def test_without_the_order_service_no_drill_of_it_is_run() -> None:
    for drill in DRILLS:
        assert "kubedrill app deploy" in str(drill.unavailable(survey(deployed=False)))
        assert "not complete" in str(drill.unavailable(survey(problem="2 ready, expected 3")))
        assert "no primary" in str(drill.unavailable(survey(pod("database-0", "replica"))))
        assert drill.unavailable(survey(pod("database-0", "primary"))) is None


def test_the_primary_and_every_ready_worker_are_the_targets() -> None:
    result = survey(pod("database-0", "replica"), pod("database-1", "primary"))
    assert BY_PART["primary"].prepare(result) == ("database-1",)
    workers = survey(
        pod("worker-b"), pod("worker-a"), pod("worker-c", ready="Unknown"), pod("web-a")
    )
    assert BY_PART["worker"].prepare(workers) == ("worker-a", "worker-b")


def test_the_stream_s_leader_is_whom_the_servers_name() -> None:
    detail = {
        "account_details": [
            {"stream_detail": [{"name": "ORDERS", "cluster": {"leader": "queue-2"}}]}
        ]
    }
    pods = [pod("queue-0"), pod("queue-1")]
    assert stream_leader(survey(*pods, jsz={"queue-1": detail})) == "queue-2"
    assert BY_PART["leader"].prepare(survey(*pods, jsz={"queue-0": detail})) == ("queue-2",)
    with pytest.raises(StepFailed, match="none of 2 queue servers knows a leader"):
        stream_leader(survey(*pods))


def book(*done_s: float, seen_s: float = 0.1) -> Ledger:
    writes = {
        str(i): Write(str(i), 0, int(at * NS), ACKNOWLEDGED, int(at * NS))
        for i, at in enumerate(done_s)
    }
    seen = {key: write.done + int(seen_s * NS) for key, write in writes.items()}
    return Ledger(writes, seen, dict.fromkeys(writes, 1))


def test_what_users_felt_is_compared_with_the_limits_and_told_beside_the_prediction() -> None:
    drill = BY_PART["primary"]
    assert [check.ok for check in drill._felt(book(0, 1, 2))] == [True, True]
    paused, stored = drill._felt(book(0, 1, 5, seen_s=61))
    assert (paused.ok, stored.ok) == (False, False)
    assert "4.0 s" in paused.actual
    assert "61.0 s" in stored.actual
    assert "predicted: " in stored.expected
    unread = book(0, 1)
    unread.read_back = None
    assert drill._felt(unread) == ()


def test_no_acknowledgement_at_all_is_a_pause_as_long_as_the_traffic() -> None:
    ledger = Ledger({str(i): Write(str(i), 0, i * NS) for i in range(6)})
    assert longest_pause_s(ledger) == 5.0
    assert longest_pause_s(Ledger()) == 0.0
