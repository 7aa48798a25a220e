"""The traps of shared/STYLE.md: what looked ready in other projects and was not."""

import pytest
from kubernetes.client import (
    V1Deployment,
    V1DeploymentSpec,
    V1DeploymentStatus,
    V1LabelSelector,
    V1LabelSelectorRequirement,
    V1Node,
    V1NodeCondition,
    V1NodeStatus,
    V1ObjectMeta,
    V1PodTemplateSpec,
)

from kubedrill.cluster.objects import condition_is_true, rollout_problem, selects


def node(*statuses: str) -> V1Node:
    conditions = [V1NodeCondition(type="Ready", status=status) for status in statuses]
    return V1Node(status=V1NodeStatus(conditions=conditions))


@pytest.mark.parametrize(
    "statuses", [(), ("Unknown",), ("False",), ("True", "Unknown"), ("NotReady",), ("true",)]
)
def test_nothing_but_exactly_true_is_ready(statuses: tuple[str, ...]) -> None:
    assert not condition_is_true(node(*statuses), "Ready")


def test_true_is_ready_and_no_other_condition_is_taken_for_it() -> None:
    assert condition_is_true(node("True"), "Ready")
    assert not condition_is_true(V1Node(status=V1NodeStatus(conditions=[])), "Ready")
    other = V1NodeCondition(type="NotReady", status="True")
    assert not condition_is_true(V1Node(status=V1NodeStatus(conditions=[other])), "Ready")


def deployment(
    expected: int | None, generation: int = 1, seen: int = 1, **counts: int
) -> V1Deployment:
    spec = V1DeploymentSpec(
        replicas=expected, selector=V1LabelSelector(), template=V1PodTemplateSpec()
    )
    status = V1DeploymentStatus(observed_generation=seen, **counts)
    return V1Deployment(metadata=V1ObjectMeta(generation=generation), spec=spec, status=status)


FULL = {"replicas": 3, "updated_replicas": 3, "ready_replicas": 3, "available_replicas": 3}


def test_a_complete_rollout_lacks_nothing() -> None:
    assert rollout_problem("Deployment", deployment(3, **FULL)) is None


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"ready_replicas": 2}, "2 ready, expected 3"),
        ({"updated_replicas": 1}, "1 updated, expected 3"),
        ({"replicas": 4}, "4 existing, expected 3"),
        ({"ready_replicas": 10}, "10 ready, expected 3"),
    ],
)
def test_an_incomplete_rollout_says_what_it_lacks(change: dict[str, int], expected: str) -> None:
    assert rollout_problem("Deployment", deployment(3, **{**FULL, **change})) == expected


def test_a_status_older_than_the_spec_is_not_believed() -> None:
    assert rollout_problem("Deployment", deployment(3, generation=5, seen=4, **FULL)) is not None


def test_replicas_default_to_one_and_zero_is_zero() -> None:
    assert rollout_problem("Deployment", deployment(None)) is not None
    assert rollout_problem("Deployment", deployment(0)) is None


def test_selectors() -> None:
    in_a = V1LabelSelectorRequirement(key="tier", operator="In", values=["a"])
    assert selects(V1LabelSelector(match_labels={"app": "x"}), {"app": "x", "b": "c"})
    assert not selects(V1LabelSelector(match_labels={"app": "x"}), {"app": "xy"})
    assert selects(V1LabelSelector(match_expressions=[in_a]), {"tier": "a"})
    assert not selects(V1LabelSelector(match_expressions=[in_a]), {})
    assert selects(V1LabelSelector(), {})
    assert not selects(None, {"app": "x"})
