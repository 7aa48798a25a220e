"""etcd's data taken away, given back, replaced and restored.

By real members of etcd where the bundle's are at hand.
"""

import json
from pathlib import Path
from typing import Any

import pytest
from etcd_nodes import EtcdNodes
from fault_nodes import Nodes, context, good, ok, order, refused

from kubedrill.base.errors import StepFailed
from kubedrill.cluster.etcd import Listed
from kubedrill.faults import MemberLoss, QuorumGone, etcd_restore
from kubedrill.faults.etcd_data import lose, start
from kubedrill.faults.etcd_member import PARTS, replacement
from kubedrill.faults.etcd_restore import Snapshot, restoring, take_snapshot

LISTED = json.dumps(
    {
        "members": [
            {
                "ID": i,
                "name": f"cp{i}",
                "peerURLs": [f"https://10.0.0.{i}:2380"],
                "clientURLs": [f"https://10.0.0.{i}:2379"],
            }
            for i in (1, 2, 3)
        ]
    }
)


def listed(nodes: EtcdNodes) -> list[Listed]:
    return [Listed(name, 0, nodes.peer[name], nodes.client[name]) for name in nodes.client]


def members(nodes: EtcdNodes, node: str) -> list[tuple[str, bool]]:
    result = json.loads(nodes.ask(node, "member list -w json"))["members"]
    return sorted((one.get("name", ""), one.get("isLearner", False)) for one in result)


def test_a_member_without_data_is_replaced_on_every_control_plane(etcd: EtcdNodes) -> None:
    whole = [("cp1", False), ("cp2", False), ("cp3", False)]
    for node, other in (
        ("cp1", "cp2"),
        ("cp2", "cp3"),
    ):  # one whose manifest says "new", one whose says "existing"
        etcd.ask(other, f"put before-{node} 1")
        script = lose("member", PARTS, str(etcd.data(node)), str(etcd.manifests(node)))
        good(etcd.run(node, script.inject))
        assert not etcd.ask(node, "get x")
        etcd.ask(other, f"put meanwhile-{node} 1")
        line = replacement(
            node, listed(etcd), "127.0.0.1", str(etcd.data(node)), str(etcd.manifests(node))
        )
        good(etcd.run(node, line))
        assert members(etcd, other) == whole
        etcd.wait_serving(node)
        assert "before" in etcd.ask(node, f"get before-{node}")
        assert "meanwhile" in etcd.ask(node, f"get meanwhile-{node}")
        assert [path.name for path in etcd.data(node).iterdir()] == ["member"]
        good(etcd.run(node, line))  # the undo, fired after all is done
        assert members(etcd, other) == whole


def test_a_replacement_that_was_cut_short_is_finished_by_its_undo(etcd: EtcdNodes) -> None:
    api = etcd.manifests("cp3") / "kube-apiserver.yaml"
    api.write_text("beside the member")
    good(
        etcd.run(
            "cp3", lose("member", PARTS, str(etcd.data("cp3")), str(etcd.manifests("cp3"))).inject
        )
    )
    line = replacement(
        "cp3", listed(etcd), "127.0.0.1", str(etcd.data("cp3")), str(etcd.manifests("cp3"))
    )
    begun, _, _ = line.partition('all="')
    good(etcd.run("cp3", begun))  # killed after the new member was added
    assert ("", True) in members(etcd, "cp1")
    assert not api.exists()  # it would hang, and the kubelet with it
    good(etcd.run("cp3", line))
    assert api.read_text() == "beside the member"
    assert members(etcd, "cp1") == [("cp1", False), ("cp2", False), ("cp3", False)]


def test_data_that_are_given_back_rejoin(etcd: EtcdNodes) -> None:
    script = lose("member", PARTS, str(etcd.data("cp1")), str(etcd.manifests("cp1")))
    good(etcd.run("cp1", script.inject))
    etcd.ask("cp2", "put meanwhile 1")
    good(etcd.run("cp1", script.undo))
    good(etcd.run("cp1", script.undo))
    etcd.wait_serving("cp1")
    assert "meanwhile" in etcd.ask("cp1", "get meanwhile")
    assert [path.name for path in etcd.data("cp1").iterdir()] == ["member"]


def test_most_members_are_restored_from_a_snapshot_and_what_came_after_it_is_gone(
    etcd: EtcdNodes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    etcd.ask("cp1", "put before 1")
    backup = tmp_path / "snapshot.db"
    good(etcd.run("cp3", f"etcdctl --endpoints={etcd.client['cp3']} snapshot save {backup}"))
    etcd.ask("cp1", "put after 1")
    revision = json.loads(etcd.ask("cp1", "get after -w json"))["header"]["revision"]
    for node in etcd.client:
        good(
            etcd.run(
                node,
                lose("gone", ("etcd",), str(etcd.data(node)), str(etcd.manifests(node))).inject,
            )
        )
    for node in etcd.client:
        folder = tmp_path / f"sent-{node}"
        folder.mkdir()
        (folder / "snapshot.db").write_bytes(backup.read_bytes())
        monkeypatch.setattr(etcd_restore, "FOLDER", str(folder))
        good(etcd.run(node, restoring(node, listed(etcd), str(etcd.data(node)))))
        assert not folder.exists()
    for node in etcd.client:
        good(etcd.run(node, start("etcd", manifests=str(etcd.manifests(node)))))
    for node in etcd.client:
        etcd.wait_serving(node)
    assert members(etcd, "cp2") == [("cp1", False), ("cp2", False), ("cp3", False)]
    result = json.loads(etcd.ask("cp2", "get before -w json"))
    assert result["count"] == 1
    assert result["header"]["revision"] > revision  # no watcher sees a revision twice
    assert json.loads(etcd.ask("cp2", "get after -w json")).get("count", 0) == 0
    for (
        node
    ) in etcd.client:  # the drill gives up: the old data are back, and with them what came after
        script = lose("gone", ("etcd",), str(etcd.data(node)), str(etcd.manifests(node)))
        good(etcd.run(node, script.undo.replace("/var/lib/kubedrill", str(tmp_path / "none"))))
    etcd.wait_serving("cp1")
    assert json.loads(etcd.ask("cp1", "get after -w json"))["count"] == 1


def test_the_undo_is_armed_on_every_member_before_any_loses_its_data(make_inventory: Any) -> None:
    nodes = Nodes()
    QuorumGone(("cp1", "cp2"), ("cp1", "cp2", "cp3")).inject(context(nodes, make_inventory()))
    lines = [line for _, line in nodes.commands]
    last_armed = max(i for i, line in enumerate(lines) if "systemd-run" in line)
    first_lost = min(
        i for i, line in enumerate(lines) if "kill -KILL" in line and "systemd-run" not in line
    )
    assert last_armed < first_lost
    assert sum("systemd-run" in line for line in lines) == 3
    assert not any(
        "mv /var/lib/etcd" in line for line in nodes.lines("cp3") if "systemd-run" not in line
    )


def test_old_data_are_removed_only_once_the_restored_etcd_serves(make_inventory: Any) -> None:
    ctx, fault = (
        context(Nodes(), make_inventory()),
        QuorumGone(("cp1", "cp2"), ("cp1", "cp2", "cp3")),
    )
    fault.heal(ctx)
    nodes: Any = ctx.hosts
    assert any(
        "mv /var/lib/etcd/member.kubedrill-fault /var/lib/etcd/member" in line
        for line in nodes.lines("cp3")
    )
    nodes.commands.clear()
    fault.restored = True
    fault.heal(ctx)
    lines = [line for _, line in nodes.commands]
    stopped = [i for i, line in enumerate(lines) if "kubedrill-undo" in line]
    removed = [
        i for i, line in enumerate(lines) if "rm -rf /var/lib/etcd/member.kubedrill-fault" in line
    ]
    assert len(stopped) == len(removed) == 3
    assert max(stopped) < min(removed)


def test_a_replacement_that_has_begun_is_finished_and_never_undone(make_inventory: Any) -> None:
    nodes = Nodes({"member list -w json": ok(LISTED), "member remove": refused("no quorum")})
    ctx, fault = context(nodes, make_inventory()), MemberLoss("cp2")
    fault.inject(ctx)
    assert order(nodes.lines("cp2"), "systemd-run", "mv /var/lib/etcd/member ")
    nodes.answers.pop("member remove")
    made = nodes.lines("cp2")
    fault.replace(ctx)
    mine = nodes.lines("cp2")[len(made) :]
    assert order(
        mine,
        "kubedrill-undo-cp2-etcd-new-member",
        "systemctl stop kubedrill-undo-cp2-etcd-member.timer",
    )
    assert "endpoints=https://10.0.0.1:2379,https://10.0.0.3:2379 " in mine[-1]
    nodes.commands.clear()
    fault.heal(ctx)
    assert 'member add "$node" --learner' in nodes.lines("cp2")[0]
    assert "\nset -- cp2 https://10.0.0.2:2380 /var/lib/etcd " in nodes.lines("cp2")[0]
    assert not any("mv /var/lib/etcd" in line for line in nodes.lines("cp2"))


def test_the_last_members_are_not_taken(make_inventory: Any) -> None:
    inventory = make_inventory()
    assert "below quorum" in str(
        MemberLoss("cp1").available(context(Nodes(down=("cp2",)), inventory))
    )
    assert (
        MemberLoss("w1").available(context(Nodes(), inventory))
        == "w1 has no etcd member; name a control plane"
    )
    assert MemberLoss("cp1").available(context(Nodes(), inventory)) is None
    three = ("cp1", "cp2", "cp3")
    assert (
        QuorumGone(("cp1",), three).available(context(Nodes(), inventory))
        == "etcd keeps its quorum without cp1"
    )
    assert QuorumGone(("cp1", "cp2"), three).available(context(Nodes(), inventory)) is None


def test_a_snapshot_is_never_shown_and_nothing_of_it_stays_on_the_node(make_inventory: Any) -> None:
    nodes = Nodes(
        {"snapshot status": ok('{"revision": 7, "totalKey": 3}'), "base64 -w0": ok("c2VjcmV0")}
    )
    taken = take_snapshot(context(nodes, make_inventory()), "cp1")
    assert (taken.packed, taken.revision, taken.keys) == (b"secret", 7, 3)
    assert "secret" not in repr(taken)
    assert nodes.lines("cp1")[-1] == "rm -rf /var/lib/kubedrill-fault-etcd"
    empty = Nodes({"snapshot status": ok('{"revision": 0, "totalKey": 0}'), "base64 -w0": ok("")})
    with pytest.raises(StepFailed, match="holds no key"):
        take_snapshot(context(empty, make_inventory()), "cp1")
    assert empty.lines("cp1")[-1] == "rm -rf /var/lib/kubedrill-fault-etcd"


def test_nothing_is_started_where_one_member_could_not_be_restored(make_inventory: Any) -> None:
    nodes = Nodes({"etcdutl snapshot restore": refused("hash mismatch")})
    result = [Listed(f"cp{i}", i, f"https://10.0.0.{i}:2380", "") for i in (1, 2, 3)]
    fault = QuorumGone(("cp1", "cp2"), ("cp1", "cp2", "cp3"))
    with pytest.raises(StepFailed, match=r"cp1: .*hash mismatch"):
        fault.restore(context(nodes, make_inventory()), Snapshot(b"x", 1, 1), result)
    assert not any(line == start("etcd", "kube-apiserver") for _, line in nodes.commands)
