"""A rollback's refusals and its choice of a snapshot are functions of what the nodes and the
files are.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pathlib import Path
    from types import ModuleType

PLANES = ["cp1", "cp2", "cp3"]
SNAPSHOT = {
    "path": "/s/kubedrill-20260101T000000Z.db",
    "sha256": "aa",
    "taken": "20260101T000000Z",
    "bytes": 40 << 20,
    "age_s": 90,
    "about": {"versions": ["1.35.4"], "to": "1.36.3"},
}


def node(*versions: str, plane: bool = True, **more: Any) -> dict[str, Any]:
    tags = {"etcd": "3.6.8-0", "kube-apiserver": versions[0]} if plane else {}
    etcd = {"name": "x", "peer_url": "https://x:2380", "data": "/var/lib/etcd"} if plane else {}
    state = {
        "kubelets": list(versions),
        "tags": tags,
        "missing_manifests": [],
        "etcd": etcd,
        "free_bytes": 1 << 34,
    }
    return {**state, "journal": None, **more}


def half_way(**changed: dict[str, Any]) -> dict[str, dict[str, Any]]:
    old = {"cp2": node("1.35.4"), "cp3": node("1.35.4"), "w1": node("1.35.4", plane=False)}
    return {"cp1": node("1.36.3"), **old, **changed}


def target(**changed: Any) -> dict[str, Any]:
    usual = {
        "to": "1.35.4",
        "confirmed": True,
        "snapshot": SNAPSHOT,
        "problems": [],
        "control_planes": PLANES,
    }
    return {**usual, "unseen": [], **changed}


def test_a_half_done_upgrade_may_be_rolled_back(rollback_plan: ModuleType) -> None:
    assert rollback_plan.refusals(half_way(), target()) == []
    assert rollback_plan.plan_lines(half_way(), SNAPSHOT, "1.35.4") == [
        "etcd goes back to 2026-01-01 00:00:00 UTC, 90 s ago: /s/kubedrill-20260101T000000Z.db",
        "cp1: 1.36.3 -> 1.35.4",
        "cp2: at 1.35.4, etcd restored",
        "cp3: at 1.35.4, etcd restored",
        "w1: at 1.35.4",
    ]


def test_without_consent_it_says_what_would_be_lost(rollback_plan: ModuleType) -> None:
    (output,) = rollback_plan.refusals(half_way(), target(confirmed=False))
    assert "after 2026-01-01 00:00:00 UTC (90 s ago) is lost" in output
    assert "-e rollback_confirm=true" in output


@pytest.mark.parametrize(
    ("nodes", "expected"),
    [
        ({"cp1": node("1.35.4")}, "every node runs 1.35.4: nothing is to be rolled back"),
        ({"cp2": node("1.37.0")}, "expected a mix of 1.35.4 and 1.36.3 only"),
        ({name: node("1.36.3") for name in (*PLANES, "w1")}, "the upgrade is finished"),
        ({"cp1": node("1.34.1")}, "expected a mix of 1.35.4 and 1.36.3 only"),
        ({"w1": node("1.35.4", "1.37.1", plane=False)}, "expected a mix of 1.35.4 and 1.36.3 only"),
        (
            {"cp1": node("1.36.3", missing_manifests=["etcd"])},
            "cp1 has no manifest of etcd at 1.35.4 any more",
        ),
        ({"cp3": node("1.35.4", etcd={})}, "cp3 has no etcd member of kubeadm's"),
        (
            {"cp2": node("1.35.4", free_bytes=100 << 20)},
            "cp2 has 100 MiB free for etcd, it needs 120: make room",
        ),
    ],
)
def test_what_is_no_half_done_upgrade_is_refused(
    rollback_plan: ModuleType, nodes: dict[str, Any], expected: str
) -> None:
    assert any(expected in output for output in rollback_plan.refusals(half_way(**nodes), target()))


def test_all_mistakes_are_told_at_once(rollback_plan: ModuleType) -> None:
    bad = target(
        confirmed=False, snapshot={}, problems=["there is no etcd snapshot in /s"], unseen=["cp3"]
    )
    output = rollback_plan.refusals(
        half_way(cp1=node("1.36.3", missing_manifests=["kube-scheduler"])), bad
    )
    assert len(output) == 4
    assert output[0] == "cp3 cannot be reached: every node must be, repair that first"
    assert output[1] == "there is no etcd snapshot in /s"


def test_a_limit_that_leaves_out_a_node(rollback_plan: ModuleType) -> None:
    (output,) = rollback_plan.refusals(half_way(), target(left_out=["w2"]))
    assert output == (
        "--limit leaves out w2: a rollback takes every node, run the same command without --limit"
    )


def test_a_killed_rollback_is_finished_though_the_nodes_look_rolled_back(
    rollback_plan: ModuleType,
) -> None:
    journal = {"to": "1.35.4", "sha256": "aa", "stopped": 1, "member": True}
    nodes = half_way(cp1=node("1.35.4", journal=journal))
    assert rollback_plan.refusals(nodes, target()) == []
    other = {**SNAPSHOT, "sha256": "bb"}
    (output,) = rollback_plan.refusals(nodes, target(snapshot=other))
    assert "cp1 is in the middle of a rollback to 1.35.4 from the snapshot with sha256 aa" in output
    del journal["stopped"]  # nothing was stopped: another snapshot may be taken
    assert any(
        "nothing is to be rolled back" in output
        for output in rollback_plan.refusals(nodes, target(snapshot=other))
    )


def test_once_all_is_done_a_rerun_only_tidies_up(rollback_plan: ModuleType) -> None:
    assert not rollback_plan.done(half_way(cp1=node("1.35.4", journal={"stopped": 1})))
    assert rollback_plan.done(half_way(cp1=node("1.35.4", journal={"stopped": 1, "done": True})))


def test_tags_of_a_bundle(rollback_plan: ModuleType) -> None:
    names = {
        "etcd": "3.6.6-0",
        "kube-apiserver": "v1.35.4",
        "kube-controller-manager": "v1.35.4",
        "pause": "3.10.1",
    }
    names["kube-scheduler"] = "v1.35.4"
    parts = [
        {"name": name, "image": f"registry.k8s.io/{name}:{tag}"} for name, tag in names.items()
    ]
    result = rollback_plan.image_tags({"parts": [*parts, {"name": "kubelet", "kind": "binary"}]})
    assert result["etcd"] == "3.6.6-0"
    assert result["kube-apiserver"] == "1.35.4"
    assert "pause" not in result


def test_the_cost_is_told(rollback_plan: ModuleType) -> None:
    first = 1767225600  # 2026-01-01 00:00:00 UTC, when the snapshot was begun
    journals = {
        "cp1": {"stopped": first + 95, "member": True},
        "cp2": {"stopped": first + 97, "member": True},
    }
    journals["w1"] = {"stopped": first + 3, "member": False}
    output = rollback_plan.summary(SNAPSHOT, journals, first + 160)
    assert output.startswith(
        "recovery point 95 s: what was written between 2026-01-01 00:00:00 UTC and 2026-01-01 "
        "00:01:35"
    )
    assert "Recovery time 65 s" in output
    assert "not known" in rollback_plan.summary(SNAPSHOT, {"cp1": {}}, first)


def save(
    folder: Path, taken: str, *versions: str, cluster: str = "drill", content: bytes = b"data"
) -> Path:
    path = folder / f"{cluster}-{taken}.db"
    path.write_bytes(content)
    notes = {
        "cluster": cluster,
        "taken": taken,
        "sha256": hashlib.sha256(content).hexdigest(),
        "bytes": len(content),
    }
    (folder / f"{path.name}.json").write_text(
        json.dumps({**notes, "about": {"versions": versions, "to": "1.36.3"}})
    )
    return path


def test_the_newest_snapshot_of_the_older_release_is_chosen(
    rollback_snapshot: ModuleType, tmp_path: Path
) -> None:
    save(tmp_path, "20260101T000000Z", "1.35.4")
    right = save(tmp_path, "20260102T000000Z", "1.35.4")
    save(
        tmp_path, "20260103T000000Z", "1.35.4", "1.36.3"
    )  # a rerun of the upgrade saved the half upgraded cluster
    save(tmp_path, "20260104T000000Z", "1.35.4", cluster="other")
    (tmp_path / "older-tool.db").write_bytes(b"x")
    notes, problems = rollback_snapshot.choose(tmp_path, "", "drill", "1.35.4")
    assert (notes["path"], problems) == (str(right), [])


def test_a_snapshot_that_was_changed_is_refused(
    rollback_snapshot: ModuleType, tmp_path: Path
) -> None:
    save(tmp_path, "20260102T000000Z", "1.35.4").write_bytes(b"dat")
    (output,) = rollback_snapshot.choose(tmp_path, "", "drill", "1.35.4")[1]
    assert "is not usable: its sha256 is" in output


@pytest.mark.parametrize(
    ("versions", "cluster", "expected"),
    [
        (("1.34.1",), "drill", "it was saved while 1.34.1 ran, expected 1.35.4 only"),
        (("1.35.4", "1.36.3"), "drill", "it was saved while 1.35.4 and 1.36.3 ran"),
        (("1.35.4",), "other", "it is of cluster other, expected drill"),
    ],
)
def test_a_snapshot_of_something_else_is_refused(
    rollback_snapshot: ModuleType,
    tmp_path: Path,
    versions: tuple[str, ...],
    cluster: str,
    expected: str,
) -> None:
    path = save(tmp_path, "20260102T000000Z", *versions, cluster=cluster)
    for chosen in ("", str(path)):
        notes, problems = rollback_snapshot.choose(tmp_path, chosen, "drill", "1.35.4")
        assert notes == {}
        assert expected in problems[0]


def test_no_snapshot_and_one_of_which_nothing_is_told(
    rollback_snapshot: ModuleType, tmp_path: Path
) -> None:
    assert (
        "there is no etcd snapshot in"
        in rollback_snapshot.choose(tmp_path, "", "drill", "1.35.4")[1][0]
    )
    assert (
        "there is no snapshot /none.db"
        in rollback_snapshot.choose(tmp_path, "/none.db", "drill", "1.35.4")[1][0]
    )
    (tmp_path / "bare.db").write_bytes(b"x")
    assert (
        "nothing readable tells" in rollback_snapshot.choose(tmp_path, "", "drill", "1.35.4")[1][0]
    )
    (tmp_path / "bare.db.json").write_text(
        '{"cluster": "drill", "taken": "yesterday", "about": {}}'
    )
    assert (
        "nothing readable tells" in rollback_snapshot.choose(tmp_path, "", "drill", "1.35.4")[1][0]
    )
