"""Upgrades that something happens to: when it happens, what is refused, what counts as changed."""

from __future__ import annotations

import json
import random
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from fake_context import fake_context

from kubedrill.base.errors import StepFailed
from kubedrill.cluster.playbooks import KillPlaybook, TaskEvent
from kubedrill.drills import ALL, upgrade_interrupted, upgrade_refused
from kubedrill.drills.upgrade_interrupted import (
    MARK,
    RESTART,
    SWAP,
    any_node,
    planes_but_the_last,
    workers,
)
from kubedrill.drills.upgrade_refused import CORRUPT_PART, corrupt_bundle, little_disk

ROLE = Path(__file__).resolve().parents[3] / "roles" / "upgrade" / "tasks"


def booted() -> Any:
    return SimpleNamespace(wait=lambda *_, **__: None, ready=lambda _: True)


def events(*each: tuple[str, str, str]) -> list[TaskEvent]:
    return [
        TaskEvent(kind, host, task, "upgrade", number)
        for number, (kind, host, task) in enumerate(each)
    ]


def playing(
    monkeypatch: pytest.MonkeyPatch, happening: list[TaskEvent], ends: Exception | None = None
) -> list[str]:
    seen: list[str] = []

    def play(_ctx: Any, _expected: str, _title: str, watch: Any = None, _extra: Any = None) -> None:
        for event in happening:
            seen.append(f"{event.host} {event.task}")
            if watch:
                watch(event)
        if ends:
            raise ends

    monkeypatch.setattr(upgrade_interrupted, "run_upgrade", play)
    return seen


def test_the_tasks_that_are_waited_for_are_the_roles() -> None:
    names = {
        step.get("name")
        for path in ROLE.glob("*.yml")
        for task in yaml.safe_load(path.read_text())
        for step in [task, *task.get("block", [])]
    }
    assert {SWAP, RESTART, MARK, "Remove the annotation"} <= names


@pytest.mark.parametrize(("target", "moment"), [("cp2", SWAP), ("w1", RESTART)])
def test_the_playbook_is_killed_on_the_target_only(
    make_inventory: Any, monkeypatch: pytest.MonkeyPatch, target: str, moment: str
) -> None:
    happening = events(("start", "cp1", SWAP), ("start", target, moment), ("start", "w2", RESTART))
    seen = playing(monkeypatch, happening)
    ctx = fake_context(target, inventory=make_inventory())
    assert f"killed on {target}" in upgrade_interrupted.killed(ctx, "v1.36.3")
    assert seen[-1] == f"{target} {moment}"


def test_an_upgrade_that_never_came_to_the_moment_is_told(
    make_inventory: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    playing(monkeypatch, events(("start", "cp1", SWAP)))
    ctx = fake_context("cp2", inventory=make_inventory(), api=booted())
    assert upgrade_interrupted.killed(ctx, "v1.36.3") == ""


def test_a_workers_power_is_cut_once_and_given_back_when_the_playbook_has_ended(
    make_inventory: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    happening = events(("start", "w2", RESTART), ("start", "w1", RESTART), ("start", "w1", RESTART))
    playing(monkeypatch, happening, StepFailed("w1 unreachable"))
    ctx = fake_context("w1", inventory=make_inventory(), api=booted())
    assert upgrade_interrupted.power_lost(ctx, "v1.36.3") == "w1 unreachable"
    assert ctx.log == ["power off of w1", "heal w1", "w1: boot: until Ready"]


def test_a_control_plane_is_lost_only_after_it_is_done_and_when_another_begins(
    make_inventory: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = events(
        ("start", "cp1", MARK), ("start", "cp1", "Remove the annotation"), ("start", "cp2", MARK)
    )
    playing(monkeypatch, before, StepFailed("failed for another reason"))
    early = fake_context("cp1", inventory=make_inventory(), api=booted())
    upgrade_interrupted.power_lost(early, "v1.36.3")
    assert early.log == ["cp1: boot: until Ready"]
    after = events(
        ("start", "cp1", MARK), ("changed", "cp1", "Remove the annotation"), ("start", "cp2", MARK)
    )
    playing(monkeypatch, after, StepFailed("cp1 unreachable"))
    ctx = fake_context("cp1", inventory=make_inventory(), api=booted())
    assert upgrade_interrupted.power_lost(ctx, "v1.36.3") == "cp1 unreachable"
    assert ctx.log == ["power off of cp1", "heal cp1", "cp1: boot: until Ready"]


def test_nodes_that_it_may_happen_at(make_inventory: Any) -> None:
    def survey(**counts: int) -> Any:
        return SimpleNamespace(
            cluster=SimpleNamespace(inventory=make_inventory(**counts)),
            rng=random.Random(1),  # noqa: S311
        )

    assert any_node(survey(cp=1, workers=1)) == ["cp1", "w1"]
    assert workers(survey(cp=1, workers=1)) == []
    assert planes_but_the_last(survey()) == ["cp1", "cp2"]
    assert planes_but_the_last(survey(cp=1)) == []
    assert "2 workers or more" in str(ALL["upgrade-node-lost"].unavailable(survey(workers=1)))


def test_a_corrupt_bundle_is_one_whose_part_is_cut_short(
    make_inventory: Any, tmp_path: Path
) -> None:
    real = tmp_path / "bundles" / "v1.36.3-amd64"
    (real / "bin").mkdir(parents=True)
    (real / "bundle.json").write_text("{}")
    (real / CORRUPT_PART).write_bytes(b"x" * (2 << 20))
    (real / "bin" / "kubeadm").write_bytes(b"y")
    ctx = fake_context(
        "cp1", inventory=make_inventory(cluster_bundles_source=str(tmp_path / "bundles"))
    )
    with corrupt_bundle(ctx, "v1.36.3") as (variables, words):
        copy = Path(variables["cluster_bundles_source"]) / "v1.36.3-amd64"
        assert (copy / CORRUPT_PART).stat().st_size == 1 << 20
        assert (copy / "bin" / "kubeadm").read_bytes() == b"y"
        assert words == f"is corrupt: {CORRUPT_PART} has 1048576 bytes"
    assert not copy.exists()
    assert (real / CORRUPT_PART).stat().st_size == 2 << 20, "the real one is left alone"


def test_where_a_disk_cannot_be_filled_more_is_asked_for(
    make_inventory: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upgrade_refused.DiskFull, "available", lambda *_: "it is a container")
    ctx = fake_context("w1", inventory=make_inventory(), api=booted())
    with little_disk(ctx, "v1.36.3") as (variables, words):
        assert variables["preflight_disk_mib_upgrade"] > 10**8
        assert words == "w1 has "
    assert ctx.log == [
        "w1: its disk is not filled (it is a container); more is asked for than it has"
    ]


def node(
    name: str, *, version: str = "v1.35.4", cordoned: bool | None = None, mark: str = ""
) -> Any:
    notes = {mark: "1.36.3", "other": "x"} if mark else {"other": "x"}
    return SimpleNamespace(
        metadata=SimpleNamespace(name=name, annotations=notes),
        spec=SimpleNamespace(unschedulable=cordoned),
        status=SimpleNamespace(node_info=SimpleNamespace(kubelet_version=version)),
    )


@pytest.mark.parametrize(
    "change", [{"version": "v1.36.3"}, {"cordoned": True}, {"mark": "kubedrill/upgrading-to"}]
)
def test_what_an_upgrade_changes_is_seen(change: dict[str, Any]) -> None:
    pods = [
        SimpleNamespace(
            metadata=SimpleNamespace(
                name="etcd-cp1", annotations={"kubernetes.io/config.hash": "a"}
            ),
            status=SimpleNamespace(container_statuses=[SimpleNamespace(restart_count=0)]),
        )
    ]
    api = SimpleNamespace(nodes=lambda: [node("cp1")], pods=lambda *_: pods)
    ctx: Any = SimpleNamespace(api=api)
    before = upgrade_refused.what_runs(ctx)
    assert upgrade_refused.what_runs(ctx) == before
    assert json.loads(before["pod etcd-cp1"]) == ["a", [0]]
    api.nodes = lambda: [node("cp1", **change)]
    assert upgrade_refused.what_runs(ctx) != before


def test_killing_is_no_ordinary_error() -> None:
    assert not issubclass(KillPlaybook, StepFailed)
