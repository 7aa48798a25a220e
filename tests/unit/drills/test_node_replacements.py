"""Nodes that leave and join again: what counts as replaced, and what an interruption leaves."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from fake_context import fake_context

from kubedrill.base.errors import StepFailed
from kubedrill.drills import find_drills, node_replacements

if TYPE_CHECKING:
    from collections.abc import Callable

NAMES = ("cp1", "cp2", "cp3", "w1", "w2")


class Cluster:
    """Nodes with UIDs and members with ids; ``replace`` is what the playbook does to them."""

    kubelet = "v1.36.3"

    def __init__(self, replace: Callable[[Cluster, str], None]) -> None:
        self.uids = {name: f"uid-{name}" for name in NAMES}
        self.ids = {"cp1": 1, "cp2": 2, "cp3": 3}
        self.replace = replace
        self.runs: list[str] = []
        self.version = SimpleNamespace(get_code=lambda: SimpleNamespace(git_version="v1.36.3"))

    def nodes(self) -> list[Any]:
        return [
            SimpleNamespace(
                metadata=SimpleNamespace(name=name, uid=uid),
                status=SimpleNamespace(node_info=SimpleNamespace(kubelet_version=self.kubelet)),
                spec=SimpleNamespace(unschedulable=False),
            )
            for name, uid in self.uids.items()
        ]

    def etcd_members(self) -> list[Any]:
        return [SimpleNamespace(node=node, id=id_) for node, id_ in self.ids.items()]


def whole(cluster: Cluster, name: str) -> None:
    cluster.uids[name] = f"new-{name}"
    if name in cluster.ids:
        cluster.ids[name] += 100


def run(
    monkeypatch: pytest.MonkeyPatch,
    make_inventory: Any,
    target: str,
    replace: Callable[[Cluster, str], None] = whole,
) -> tuple[Any, Cluster]:
    cluster = Cluster(replace)

    def play(ctx: Any, playbook: str, variables: dict[str, str], _title: str) -> None:
        assert playbook == "node_replace.yml"
        assert variables["cluster_kubernetes_version"] == "1.36.3", "what runs, not the inventory's"
        cluster.runs.append(variables["node_replace"])
        replace(cluster, ctx.target)

    monkeypatch.setattr(node_replacements, "run_playbook_step", play)
    monkeypatch.setattr(node_replacements, "wait_whole", lambda _api: None)
    app = SimpleNamespace(wait_ready=lambda: None)
    ctx = fake_context(target, app=app, inventory=make_inventory(), api=cluster)
    (drill,) = find_drills(["plane-replaced" if target in cluster.ids else "node-replaced"])
    try:
        drill.run(ctx)
    except StepFailed:
        ctx.undos.unwind()
    return ctx, cluster


@pytest.mark.parametrize("target", ["w2", "cp1"])
def test_a_node_that_is_another_one_was_replaced(
    monkeypatch: pytest.MonkeyPatch, make_inventory: Any, target: str
) -> None:
    ctx, cluster = run(monkeypatch, make_inventory, target)
    assert ctx.seen == {target: True}
    assert [ok for ok, _ in ctx.checks.values()] == [True]
    assert cluster.runs == [target]


def test_a_playbook_that_left_the_node_alone_tested_nothing(
    monkeypatch: pytest.MonkeyPatch, make_inventory: Any
) -> None:
    ctx, _ = run(monkeypatch, make_inventory, "w2", lambda *_: None)
    assert ctx.seen == {"w2": False}


@pytest.mark.parametrize(
    ("target", "also"), [("cp1", {"cp1": 1}), ("cp1", {"cp2": 99}), ("w2", {"cp3": 99})]
)
def test_a_member_that_stayed_or_another_that_left_fails(
    monkeypatch: pytest.MonkeyPatch, make_inventory: Any, target: str, also: dict[str, int]
) -> None:
    def wrongly(cluster: Cluster, name: str) -> None:
        whole(cluster, name)
        cluster.ids.update(also)

    ctx, _ = run(monkeypatch, make_inventory, target, wrongly)
    assert [ok for ok, _ in ctx.checks.values()] == [False]


def test_a_node_that_has_left_is_joined_when_the_drill_ends_early(
    monkeypatch: pytest.MonkeyPatch, make_inventory: Any
) -> None:
    def half(cluster: Cluster, name: str) -> None:
        if len(cluster.runs) > 1:
            return whole(cluster, name)
        del cluster.uids[name]
        raise StepFailed("w2: task 'Join the worker' failed")

    _, cluster = run(monkeypatch, make_inventory, "w2", half)
    assert cluster.runs == ["w2", "w2"]
    assert cluster.uids["w2"] == "new-w2"


def test_a_refused_replacement_is_not_tried_again(
    monkeypatch: pytest.MonkeyPatch, make_inventory: Any
) -> None:
    def refuse(_cluster: Cluster, _name: str) -> None:
        raise StepFailed("w2: a local volume that no other node can mount")

    _, cluster = run(monkeypatch, make_inventory, "w2", refuse)
    assert cluster.runs == ["w2"]


def test_a_majority_must_be_left() -> None:
    (drill,) = find_drills(["plane-replaced"])
    planes = SimpleNamespace(control_planes=[SimpleNamespace(name="cp1")])
    assert drill.unavailable(fake_context("cp1", inventory=planes)) == (
        "needs 3 control planes or more, the inventory has 1"
    )


def test_a_half_done_upgrade_is_finished_first(make_inventory: Any) -> None:
    (drill,) = find_drills(["node-replaced"])
    cluster = Cluster(whole)
    cluster.kubelet = "v1.35.4"
    assert drill.unavailable(fake_context("w1", inventory=make_inventory(), api=cluster)) == (
        "the cluster runs 1.35.4 and 1.36.3: finish that upgrade first"
    )
