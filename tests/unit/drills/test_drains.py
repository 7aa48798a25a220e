"""Which worker is drained: none with a pod that no controller makes again."""

from types import SimpleNamespace
from typing import Any

import pytest
from fake_context import fake_context
from fakes import api_pod
from kubernetes.client import (
    V1Pod,
)

from kubedrill.drills import ALL

BARE = "a drain of w1 would delete for good what has no controller: pod shop/netshoot; "


def pod(name: str, node: str, *, bare: bool = False, scratch: bool = False) -> V1Pod:
    return api_pod(name, node, owner="" if bare else "ReplicaSet", scratch=scratch)


def survey(make_inventory: Any, *pods: V1Pod) -> Any:
    def listed(_namespace: str = "", _selector: str = "", node: str = "") -> list[V1Pod]:
        return [pod for pod in pods if node in ("", pod.spec.node_name)]

    app = SimpleNamespace(namespace="shop", selector="app=web")
    ctx = fake_context(app=app, inventory=make_inventory(), api=SimpleNamespace(pods=listed))
    ctx.dry_run = True
    return ctx


@pytest.fixture(params=["node-drain", "drain-blocked"])
def drill(request: pytest.FixtureRequest) -> Any:
    return ALL[request.param]


def test_a_worker_with_a_pod_without_a_controller_is_not_chosen(
    drill: Any, make_inventory: Any
) -> None:
    pods = [pod("web-1", "w1"), pod("web-2", "w2"), pod("netshoot", "w1", bare=True)]
    ctx = survey(make_inventory, *pods)
    assert drill.unavailable(ctx) is None
    assert {drill.prepare(ctx) for _ in range(20)} == {("w2",)}


def test_where_each_worker_has_one_the_pods_are_named(drill: Any, make_inventory: Any) -> None:
    pods = [
        pod("web-1", "w1"),
        pod("web-2", "w2"),
        pod("netshoot", "w1", bare=True),
        pod("lonely", "w2", bare=True),
    ]
    reason = str(drill.unavailable(survey(make_inventory, *pods)))
    assert reason.startswith(BARE)
    assert "a drain of w2 would delete for good what has no controller: pod shop/lonely" in reason


def test_a_dry_run_names_local_data(drill: Any, make_inventory: Any) -> None:
    ctx = survey(make_inventory, pod("web-1", "w1", scratch=True), pod("web-2", "w2", scratch=True))
    (node,) = drill.prepare(ctx)
    number = node.removeprefix("w")
    assert ctx.log == [f"a drain deletes the local data (emptyDir) of shop/web-{number}"]
