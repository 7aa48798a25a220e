"""The drain role, by Ansible itself, against an API server on loopback."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from drained_api import NODE, DrainedApi, DrainedHandler, make_budget, make_pod
from servers import serve

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
KUBECTL = """#!/bin/sh
echo "$*" >>"$0.calls"
case "$*" in
  *'config view'*) echo '%s' ;;
  uncordon*) echo "node/$2 uncordoned" ;;
  *) exit 9 ;;
esac
"""


def drain(folder: Path, api: DrainedApi, **variables: Any) -> list[str]:
    """Drain a node; what else kubectl was called for, also where the role gave up."""
    kubectl = folder / "kubectl"
    (folder / "hosts.ini").write_text("[control_planes]\na\n")
    (folder / "play.yml").write_text(PLAY)
    inventory = Inventory(folder / "hosts.ini", "test", (), {})
    with serve(DrainedHandler, api=api) as handler:
        config = {
            "clusters": [{"cluster": {"server": handler.url}}],
            "users": [{"user": {"token": "t"}}],
        }
        kubectl.write_text(KUBECTL % json.dumps(config))
        kubectl.chmod(0o755)
        run_playbook(
            inventory,
            folder / "play.yml",
            {"drain_kubectl": [str(kubectl)], "drain_node": NODE, **variables},
            timeout_s=300,
        )
    return calls(folder)


def calls(folder: Path) -> list[str]:
    """What kubectl was called for, but for its configuration."""
    lines = (folder / "kubectl.calls").read_text().splitlines()
    return [line for line in lines if "config view" not in line]


def test_a_drain_evicts_and_needs_kubectl_for_its_kubeconfig_only(tmp_path: Path) -> None:
    api = DrainedApi([make_pod("web", grace=0), make_pod("proxy", owner="DaemonSet")])
    assert drain(tmp_path, api) == []
    assert [pod["metadata"]["name"] for pod in api.pods] == ["proxy"]
    assert api.cordoned


def test_a_blocked_drain_names_the_budget_and_uncordons(tmp_path: Path) -> None:
    api = DrainedApi([make_pod("web-1")], [make_budget("web", 3)], {"web": 2})
    with pytest.raises(StepFailed) as caught:
        drain(tmp_path, api, drain_timeout=1)
    text = str(caught.value)
    assert f"draining {NODE} did not end within 1 s, the node is uncordoned again:" in text
    assert re.search(
        r"- pod shop/web-1: PodDisruptionBudget shop/web \(minAvailable 3: 3 of 3 pods healthy, 3 "
        r"must stay, allows 0 now\) has refused its eviction for \d+ s: The disruption budget web",
        text,
    )
    assert "Add replicas or relax the budget, then run this again." in text
    assert calls(tmp_path) == [f"uncordon {NODE}"]


def test_a_node_that_was_cordoned_before_stays_so(tmp_path: Path) -> None:
    api = DrainedApi([make_pod("slow", grace=600)], cordoned=True)
    with pytest.raises(StepFailed) as caught:
        drain(tmp_path, api, drain_timeout=1, drain_uncordon_when_blocked=False)
    text = str(caught.value)
    assert "did not end within 1 s, the node is still cordoned:" in text
    assert "pod shop/slow: has been ending" in text
    assert "allow the drain more time" in text
    assert calls(tmp_path) == []


def test_a_refused_drain_gives_the_reason(tmp_path: Path) -> None:
    api = DrainedApi([make_pod("served"), make_pod("bare", owner="")])
    with pytest.raises(StepFailed) as caught:
        drain(tmp_path, api)
    text = str(caught.value)
    assert f"draining {NODE} was refused, the node is uncordoned again" in text
    assert "what has no controller: pod shop/bare; delete it" in text
    assert "served" not in text
    assert "within" not in text
    assert not api.cordoned
    assert api.accepted == []


def test_a_mistake_in_a_number_is_named_before_anything_is_touched(tmp_path: Path) -> None:
    api = DrainedApi([make_pod("web")])
    with pytest.raises(StepFailed) as caught:
        drain(tmp_path, api, drain_timeout=-1, drain_retry_delay=0)
    assert "timeout is -1, expected 0 seconds (no limit) or more" in str(caught.value)
    assert "retry_delay is 0, expected 0.1 seconds or more" in str(caught.value)
    assert api.asked == []
