from typing import Any

import pytest
from fault_nodes import Nodes, context, order, refused

from kubedrill.base.errors import StepFailed
from kubedrill.faults import QuorumLoss


def test_only_a_whole_etcd_loses_its_quorum_and_only_by_a_majority(make_inventory: Any) -> None:
    inventory = make_inventory()
    assert QuorumLoss(("cp1", "cp2")).available(context(Nodes(), inventory)) is None
    assert (
        QuorumLoss(("cp1",)).available(context(Nodes(), inventory))
        == "etcd keeps its quorum without cp1"
    )
    assert (
        QuorumLoss(("cp1", "cp2")).available(context(Nodes(down=("cp3",)), inventory))
        == "etcd on cp3: down"
    )


def test_each_member_s_undo_is_armed_before_it_hangs(make_inventory: Any) -> None:
    nodes = Nodes()
    QuorumLoss(("cp1", "cp3")).inject(context(nodes, make_inventory()))
    for name in ("cp1", "cp3"):
        assert order(nodes.lines(name), "systemd-run", "/bin/sh -c 'pids=")


def test_one_member_that_cannot_be_woken_does_not_keep_the_others_asleep(
    make_inventory: Any,
) -> None:
    class Stubborn(Nodes):
        def answer(self, node: str, line: str) -> Any:
            refuses = node == "cp1" and "kill -CONT" in line
            return refused("no") if refuses else super().answer(node, line)

    nodes = Stubborn()
    with pytest.raises(StepFailed, match=r"cp1: .*no"):
        QuorumLoss(("cp1", "cp2")).heal(context(nodes, make_inventory()))
    assert any("kill -CONT" in line for line in nodes.lines("cp2"))
