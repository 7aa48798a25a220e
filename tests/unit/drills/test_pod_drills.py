from types import SimpleNamespace
from typing import Any

import pytest
from fake_context import fake_context
from fakes import api_pod

from kubedrill.drills import ALL


def pod(name: str, uid: str, restarts: int = 0) -> Any:
    made = api_pod(name, restarts=restarts)
    made.metadata.uid = uid
    return made


def run(drill: str, target: str, before: list[Any], after: list[Any]) -> Any:
    """Run a drill after which the app has other pods; returns why its fault did nothing, if so."""
    live = [before]
    ctx = fake_context(
        target,
        app=SimpleNamespace(
            namespace="app", selector="app=hello", wait_ready=lambda: live.append(after)
        ),
        api=SimpleNamespace(
            pods=lambda *_, **_options: live[-1],
            core=SimpleNamespace(
                delete_namespaced_pod=lambda *_, **_options: None,
                delete_collection_namespaced_pod=lambda *_, **_options: None,
            ),
        ),
        hosts=SimpleNamespace(change=lambda *_: None),
        injects=True,
    )
    ALL[drill].run(ctx)
    (fault,) = ctx.faults
    assert fault.evidence == ALL[drill].evidence
    return fault.unaffected(ctx.cluster, fault.subject)


OTHER = pod("hello-2", "b")


@pytest.mark.parametrize(
    ("drill", "target", "after"),
    [
        ("pod-killed", "hello-1", [OTHER, pod("hello-3", "c")]),
        ("pod-killed", "hello-1", [OTHER, pod("hello-1", "c")]),  # a StatefulSet's keeps its name
        ("pods-all-killed", "*", [pod("hello-3", "c"), pod("hello-4", "d")]),
        ("container-killed", "hello-1", [OTHER, pod("hello-1", "a", restarts=1)]),
    ],
)
def test_a_pod_that_died_is_evidence_of_the_fault(
    drill: str, target: str, after: list[Any]
) -> None:
    assert run(drill, target, [pod("hello-1", "a"), OTHER], after) is None


@pytest.mark.parametrize(
    ("drill", "target"),
    [("pod-killed", "hello-1"), ("pods-all-killed", "*"), ("container-killed", "hello-1")],
)
def test_where_nothing_died_nothing_was_tested(drill: str, target: str) -> None:
    pods = [pod("hello-1", "a"), OTHER]
    assert "hello-1" in run(drill, target, pods, pods)


def test_one_pod_that_outlives_the_death_of_all_is_named() -> None:
    after = [OTHER, pod("hello-3", "c")]
    reason = run("pods-all-killed", "*", [pod("hello-1", "a"), OTHER], after)
    assert reason == "hello-2 lives on"


def test_where_no_container_was_there_none_can_have_died() -> None:
    reason = run("pods-all-killed", "*", [], [OTHER])
    assert reason == "no container was there to kill"
