"""Rules of the packet filter on a node whose own nft crashes."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from kubedrill.acceptance.test_nodes import list_table

TASKS = "TASK PID STATUS\na 7 STOPPED\nb 8 RUNNING\nc 9 RUNNING\n"


class Node:
    """Answers as testinfra's host: nft of the node ends with ``rc``, kube-proxy's prints a rule."""

    def __init__(self, rc: int) -> None:
        self.rc, self.commands = rc, []

    def run(self, command: str) -> Any:
        self.commands.append(command)
        if command.startswith("nft"):
            return SimpleNamespace(rc=self.rc, stdout="its rules", stderr="Segmentation fault")
        return SimpleNamespace(rc=0, stdout="kube-proxy's", stderr="")

    def check_output(self, command: str) -> str:
        return TASKS if command.endswith("tasks ls") else "a\nb\n"


def test_the_node_s_own_program_is_asked() -> None:
    assert list_table(Node(0), "ip x") == "its rules"
    with pytest.raises(AssertionError, match="Segmentation"):
        list_table(Node(1), "ip x")


def test_where_it_crashes_kube_proxy_s_is_asked() -> None:
    node = Node(139)
    assert list_table(node, "ip x") == "kube-proxy's"
    assert node.commands[-1].endswith("tasks exec --exec-id kubedrill-rules b nft list table ip x")
