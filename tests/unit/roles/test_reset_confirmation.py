"""reset.yml changes nothing before the cluster's name confirms it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.local_playbooks import run_locally

if TYPE_CHECKING:
    from pathlib import Path

HOSTS = """
all:
  vars: {ansible_connection: local, ansible_python_interpreter: /nowhere/python}
  children:
    cluster:
      vars: {cluster_name: mine}
      children: {control_planes: {hosts: {cp1: {}}}, workers: {hosts: {}}}
"""


@pytest.mark.parametrize(
    ("arguments", "confirmed"),
    [([], False), (["-e", "reset_confirm=kubedrill"], False), (["-e", "reset_confirm=mine"], True)],
)
def test_the_name_of_the_cluster_confirms_a_reset(
    tmp_path: Path, arguments: list[str], confirmed: bool
) -> None:
    status, output = run_locally(tmp_path, HOSTS, "reset.yml", *arguments)
    assert status != 0, "the interpreter is missing, so that no module can run"
    assert ("/nowhere/python" in output) == confirmed, output
    assert ("-e reset_confirm=mine" in output) == (not confirmed), output
