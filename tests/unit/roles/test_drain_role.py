"""The drain role with a kubectl that says what the real one said of a cut connection, and of a
budget that blocks.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from kubedrill.base.errors import StepFailed
from kubedrill.cluster.inventory import Inventory
from kubedrill.cluster.playbooks import run_playbook

if TYPE_CHECKING:
    from pathlib import Path

PLAY = """
- hosts: control_planes
  connection: local
  gather_facts: false
  tasks:
    - ansible.builtin.include_role: {name: kubedrill.kubeadm.drain}
"""
CUT_OFF = (
    "error when waiting for pod to terminate: unexpected error when reading response body. "
    "Please retry."
)
BLOCKED = (
    "Cannot evict pod as it would violate the pod's disruption budget.\nerror: global "
    "timeout reached: 3m0s"
)
KUBECTL = """#!/bin/sh
case $1 in
  drain) echo >> "$0.drains"
         [ "$(wc -l < "$0.drains")" -le {failures} ] || {{ echo node/a drained; exit 0; }}
         echo "{errors}" >&2; exit 1 ;;
  get) echo '{pods}' ;;
esac
"""


def drain(folder: Path, failures: int, output: str, *pods: dict[str, Any]) -> int:
    """Drain with a kubectl whose first tries fail.

    Returns how often it was called, also where the role gave up.
    """
    kubectl = folder / "kubectl"
    kubectl.write_text(
        KUBECTL.format(failures=failures, errors=output, pods=json.dumps({"items": pods}))
    )
    kubectl.chmod(0o755)
    (folder / "hosts.ini").write_text("[control_planes]\na\n")
    (folder / "play.yml").write_text(PLAY)
    inventory = Inventory(folder / "hosts.ini", "test", (), {})
    try:
        run_playbook(
            inventory, folder / "play.yml", {"drain_kubectl": [str(kubectl)]}, timeout_s=300
        )
    finally:
        drains = len((folder / "kubectl.drains").read_text().splitlines())
    return drains


def test_a_drain_whose_connection_was_cut_is_taken_up_again(tmp_path: Path) -> None:
    assert drain(tmp_path, 2, CUT_OFF) == 3


def test_a_blocked_drain_is_not_repeated(tmp_path: Path) -> None:
    with pytest.raises(StepFailed, match="disruption budget"):
        drain(tmp_path, 2, f"{CUT_OFF}\n{BLOCKED}")
    assert len((tmp_path / "kubectl.drains").read_text().splitlines()) == 1


def test_a_refused_drain_gives_kubectl_s_reason(tmp_path: Path) -> None:
    why = "cannot delete Pods that declare no controller (use --force to override): default/a"
    pod = {
        "metadata": {"namespace": "default", "name": "served", "ownerReferences": []},
        "spec": {"selector": {}},
        "status": {"phase": "Running"},
    }
    with pytest.raises(StepFailed) as caught:
        drain(tmp_path, 9, f"node/a cordoned\nerror: unable to drain: {why}\n{why}", pod)
    text = str(caught.value)
    assert "draining a was refused, the node is uncordoned again" in text
    assert f"error: unable to drain: {why}" in text
    assert "still there" not in text, "the drain had evicted nothing yet"
    assert "within" not in text
