from types import SimpleNamespace
from typing import Any

import pytest
from fake_context import fake_context
from fakes import api_pod

from kubedrill.base.errors import DeadlineExceeded
from kubedrill.drills import ALL


def pod(name: str, uid: str, restarts: int = 0) -> Any:
    made = api_pod(name, restarts=restarts)
    made.metadata.uid = uid
    return made


def run(drill: str, target: str, before: list[Any], after: list[Any]) -> tuple[bool | None, str]:
    """Run a drill after which the app has other pods; returns what its evidence came to."""
    live = [before]

    def wait(what: str, find_obstacle: Any, *, setting: str) -> None:
        if obstacle := find_obstacle():
            raise DeadlineExceeded(what, 1, obstacle, setting)

    ctx = fake_context(
        target,
        app=SimpleNamespace(
            namespace="app", selector="app=hello", wait_ready=lambda: live.append(after)
        ),
        api=SimpleNamespace(pods=lambda *_: live[-1], wait=wait),
    )
    ALL[drill].run(ctx)
    assert ctx.ids == ["fault-took-hold"]
    result: tuple[bool | None, str] = ctx.checks["the fault took hold"]
    return result


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
    assert run(drill, target, [pod("hello-1", "a"), OTHER], after)[0] is True


@pytest.mark.parametrize(
    ("drill", "target"),
    [("pod-killed", "hello-1"), ("pods-all-killed", "*"), ("container-killed", "hello-1")],
)
def test_where_nothing_died_nothing_was_tested(drill: str, target: str) -> None:
    pods = [pod("hello-1", "a"), OTHER]
    ok, actual = run(drill, target, pods, pods)
    assert ok is None
    assert "nothing was tested" in actual
    assert "hello-1" in actual


def test_one_pod_that_outlives_the_death_of_all_is_named() -> None:
    after = [OTHER, pod("hello-3", "c")]
    ok, actual = run("pods-all-killed", "*", [pod("hello-1", "a"), OTHER], after)
    assert ok is None
    assert "hello-2 lives on" in actual


def test_where_no_container_was_there_none_can_have_died() -> None:
    ok, actual = run("pods-all-killed", "*", [], [OTHER])
    assert (ok, actual) == (None, "nothing was tested: no container was there to kill")
