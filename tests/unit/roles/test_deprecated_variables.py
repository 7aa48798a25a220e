"""Variables under their former names still have their effect, with a warning that says what to
set.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from kubedrill.cluster.inventory import Inventory
from kubedrill.cluster.playbooks import run_playbook

if TYPE_CHECKING:
    from pathlib import Path

PLAY = """
- hosts: control_planes
  connection: local
  gather_facts: false
  tasks:
    - kubedrill.kubeadm.deprecated_variables:
- hosts: control_planes
  connection: local
  gather_facts: false
  tasks:
    - ansible.builtin.copy:
        dest: "{{ playbook_dir }}/{{ inventory_hostname }}"
        content: "{{ control_plane_join_token_ttl | default('not set') }}"
        mode: "0600"
"""
WARNING = (
    "variable control_plane_invitation_ttl was renamed: set control_plane_join_token_ttl instead"
)


@pytest.mark.parametrize(
    ("variables", "extra", "effect"),
    [
        ("control_plane_invitation_ttl={{minutes}}m minutes=5", {}, "5m"),
        ("", {"control_plane_invitation_ttl": "5m"}, "5m"),
        ("control_plane_invitation_ttl=5m control_plane_join_token_ttl=7m", {}, "7m"),
        ("control_plane_join_token_ttl=7m", {}, "7m"),
        ("", {}, "not set"),
    ],
)
def test_a_former_name_still_has_its_effect(
    tmp_path: Path, variables: str, extra: dict[str, str], effect: str
) -> None:
    (tmp_path / "hosts.ini").write_text(f"[control_planes]\na {variables}\n")
    (tmp_path / "play.yml").write_text(PLAY)
    inventory = Inventory(tmp_path / "hosts.ini", "test", (), {})
    log = tmp_path / "log"
    run_playbook(inventory, tmp_path / "play.yml", extra, timeout_s=300, log_path=log)
    assert (tmp_path / "a").read_text() == effect
    warned = WARNING in " ".join(log.read_text().split())
    assert warned == ("control_plane_invitation_ttl" in f"{variables} {extra}")
