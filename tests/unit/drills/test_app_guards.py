"""What drills ask of the app before they break anything.

A disruption budget, and tolerations that end.
"""

from math import inf
from types import SimpleNamespace
from typing import Any

import pytest
from fake_context import fake_context
from kubernetes.client import V1LabelSelector

from kubedrill.apps.sample import load, of_kind
from kubedrill.drills.failover_drills import REPLACED_S, UNREACHABLE, toleration_s
from kubedrill.drills.node_drain import guarding_budgets


def pod(*tolerations: tuple[str | None, str | None, int | None]) -> Any:
    result = [
        SimpleNamespace(key=key, effect=effect, toleration_seconds=seconds)
        for key, effect, seconds in tolerations
    ]
    return SimpleNamespace(
        spec=SimpleNamespace(tolerations=result or None),
        metadata=SimpleNamespace(labels={"app": "hello"}),
    )


@pytest.mark.parametrize(
    ("tolerations", "seconds"),
    [
        ((), 0.0),
        (((UNREACHABLE, "NoExecute", 10),), 10.0),
        (((UNREACHABLE, "NoExecute", None),), inf),
        (((None, None, None),), inf),
        (
            ((None, None, None), (UNREACHABLE, "NoExecute", 300)),
            300.0,
        ),  # the shortest counts, as in Kubernetes
        (((UNREACHABLE, "NoSchedule", None), ("other", "NoExecute", None)), 0.0),
    ],
)
def test_how_long_a_pod_stays_on_a_dead_node(tolerations: Any, seconds: float) -> None:
    assert toleration_s(pod(*tolerations)) == seconds


def test_the_sample_app_does_not_stay_for_long() -> None:
    spec = of_kind(load("v1"), "Deployment")["spec"]["template"]["spec"]
    mine = [(t["key"], t["effect"], t["tolerationSeconds"]) for t in spec["tolerations"]]
    assert 0 < toleration_s(pod(*mine)) <= REPLACED_S < 300


@pytest.mark.parametrize(
    ("labels", "expected"), [({"app": "hello"}, ["guard"]), ({"app": "other"}, [])]
)
def test_budgets_that_guard_the_app(labels: dict[str, str], expected: list[str]) -> None:
    selector = V1LabelSelector(match_labels=labels)
    budget = SimpleNamespace(
        metadata=SimpleNamespace(name="guard"), spec=SimpleNamespace(selector=selector)
    )
    listed = SimpleNamespace(
        list_namespaced_pod_disruption_budget=lambda _namespace: SimpleNamespace(items=[budget])
    )
    api = SimpleNamespace(pods=lambda *_: [pod()], policy=listed)
    ctx = fake_context("w1", app=SimpleNamespace(namespace="n", selector="s"), api=api)
    assert guarding_budgets(ctx) == expected
